// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {

/// Where something stands in a text; line 0 where that is not known.
struct Place {
  int line = 0;
  int column = 0;
};

struct TreeNode;
/// Shared, so that an alias costs a pointer and not a copy.
using TreeRef = std::shared_ptr<const TreeNode>;

struct TreeEntry {
  std::string key;
  Place place;
  TreeRef value;
};

/// A value of a document before anyone has said what it means: scalars are text.
struct TreeNode {
  enum class Kind {
    kNothing,  ///< absent or null
    kPlain,    ///< scalar without quotes: may be a number or a flag
    kQuoted,   ///< scalar that is text whatever it looks like
    kList,
    kMap,
  };
  Kind kind = Kind::kNothing;
  Place place;
  std::string text;
  std::vector<TreeRef> items;
  std::vector<TreeEntry> entries;
  /// Nodes that this one stands for, with aliases expanded.
  std::uint64_t weight = 1;
};

/// What a text holds; a text with problems may have fewer documents than it seems to.
struct ReadDocuments {
  std::vector<TreeRef> documents;
  std::vector<Diagnostic> problems;
};

/// Reads YAML, which may hold several documents. Empty documents are left out.
///
/// Refuses, with the place: what is no YAML, duplicate keys, keys that are not plain text, merge
/// keys, tags, quotes that are never closed, text that is not UTF-8, and everything over budget.
ReadDocuments read_yaml_documents(const SourceText& source, const YamlBudget& budget);

/// The same tree from JSON, without places but much faster; nullopt if `text` is not one JSON
/// object within the budget (then read_yaml_documents says what is wrong).
std::optional<TreeRef> find_json_document(std::string_view text, const YamlBudget& budget);

/// `key` as it appears in a key path: shortened and free of control characters.
std::string shown_key(std::string_view key);
/// `text` as it appears in a message: shortened, on one line, free of control characters.
std::string shown_text(std::string_view text);
/// "a.b" or "b".
std::string join_path(std::string_view path, std::string_view key);
/// "a[3]".
std::string join_path(std::string_view path, std::size_t index);

}  // namespace voicectl
