// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "provisioner/model/document_tree.h"
#include "provisioner/model/names.h"
#include "provisioner/model/text_rules.h"

namespace voicectl {

/// Collects what is wrong with a set of documents. After kMostProblems the rest is only counted:
/// a person mends the first ones and asks again.
class Problems {
 public:
  static constexpr std::size_t kMostProblems = 100;

  void add(Diagnostic problem);
  std::size_t count() const { return list_.size() + left_out_; }
  /// What comes now is only counted, and needs no suggestion.
  bool is_full() const { return list_.size() >= kMostProblems; }
  std::size_t left_out() const { return left_out_; }
  /// Everything collected.
  std::vector<Diagnostic> take();

 private:
  std::vector<Diagnostic> list_;
  std::size_t left_out_ = 0;
};

/// Demands on a text.
struct TextRule {
  TextForm form = TextForm::kFree;
  Lines lines = Lines::kOne;
  /// In bytes.
  std::size_t least = 0;
  std::size_t most = 200;
};

/// Where a value stands, for messages about it that come later.
struct Spot {
  std::string file;
  Place place;
  std::string path;

  Diagnostic problem(std::string message, std::string suggestion = "") const;
};

class MapReader;

/// One value of a document, read as what it should be. Every reading that does not succeed has
/// told `problems` why.
///
/// OWNS nothing: the tree and `problems` must outlive it.
class ValueReader {
 public:
  ValueReader(const TreeNode& node, Spot spot, Problems& problems);

  std::optional<std::string> text(const TextRule& rule) const;
  std::optional<std::int64_t> whole_number(std::int64_t least, std::int64_t most) const;
  std::optional<bool> flag() const;
  std::optional<Money> money() const;
  /// Whole seconds, or a number with s, m or h.
  std::optional<std::int64_t> seconds(std::int64_t least, std::int64_t most) const;
  template <typename E>
  std::optional<E> choice() const {
    std::vector<std::string> allowed;
    for (const NamedValue<E>& known : named_values<E>()) {
      allowed.emplace_back(known.name);
    }
    return is_choice(allowed) ? find_value<E>(node_->text) : std::nullopt;
  }
  /// The values of a list; for anything else a problem and none.
  std::vector<ValueReader> items() const;
  /// The keys of a map; for anything else a problem and a map without keys.
  MapReader map() const;

  TreeNode::Kind kind() const { return node_->kind; }
  const TreeNode& node() const { return *node_; }
  const Spot& spot() const { return spot_; }
  Problems& problems() const { return *problems_; }
  void refuse(std::string message, std::string suggestion = "") const;
  /// "found 'x'; allowed is ..." about this value.
  void refuse_value(std::string_view allowed, std::string suggestion = "") const;

 private:
  bool is_choice(const std::vector<std::string>& allowed) const;
  std::optional<std::int64_t> plain_number(std::string_view allowed) const;

  const TreeNode* node_;
  Spot spot_;
  Problems* problems_;
};

/// A map read key by key. Each key that is asked for counts as known; `finish` reports the others.
class MapReader {
 public:
  explicit MapReader(const ValueReader& value);

  /// The value under `key`, if it is there.
  std::optional<ValueReader> find(std::string_view key);
  /// The same, and a problem if it is missing.
  std::optional<ValueReader> require(std::string_view key, std::string_view what);

  /// Neither there nor more than an empty text.
  bool is_blank(std::string_view key) const;

  std::string text(std::string_view key, const TextRule& rule, std::string fallback);
  bool flag(std::string_view key, bool fallback);
  std::uint32_t number(std::string_view key,
                       std::int64_t least,
                       std::int64_t most,
                       std::uint32_t fallback);
  template <typename E>
  E choice(std::string_view key, E fallback) {
    const std::optional<ValueReader> value = find(key);
    return value ? value->choice<E>().value_or(fallback) : fallback;
  }
  /// Whole seconds, or a number with s, m or h.
  std::chrono::seconds seconds(std::string_view key,
                               std::int64_t least,
                               std::int64_t most,
                               std::chrono::seconds fallback);
  std::vector<std::string> texts(std::string_view key, const TextRule& rule);

  /// Where `key` stands, or where it is missed.
  Spot spot_of(std::string_view key) const;
  const ValueReader& value() const { return value_; }

  /// Reports every key that nobody asked for, with the nearest one that somebody did.
  void finish() const;

 private:
  ValueReader value_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace voicectl
