// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/document_tree.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

std::string printable(std::string_view text, std::size_t longest) {
  std::string out;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  // A cut through the middle of a character would make the message itself invalid UTF-8.
  while (text.size() > longest && !out.empty() && (static_cast<unsigned char>(out.back()) & 0x80)) {
    out.pop_back();
  }
  return text.size() > longest ? out + "..." : out;
}

TreeRef tree_of(const Json& value);

std::shared_ptr<TreeNode> map_of(const Json& value) {
  auto node = std::make_shared<TreeNode>();
  node->kind = TreeNode::Kind::kMap;
  for (const auto& [key, member] : value.items()) {
    TreeRef child = tree_of(member);
    node->weight += child->weight;
    node->entries.push_back({key, Place{}, std::move(child)});
  }
  return node;
}

std::shared_ptr<TreeNode> list_of(const Json& value) {
  auto node = std::make_shared<TreeNode>();
  node->kind = TreeNode::Kind::kList;
  for (const Json& item : value) {
    TreeRef child = tree_of(item);
    node->weight += child->weight;
    node->items.push_back(std::move(child));
  }
  return node;
}

TreeRef tree_of(const Json& value) {
  if (value.is_object()) {
    return map_of(value);
  }
  if (value.is_array()) {
    return list_of(value);
  }
  auto node = std::make_shared<TreeNode>();
  if (value.is_string()) {
    node->kind = TreeNode::Kind::kQuoted;
    node->text = value.get<std::string>();
  } else if (!value.is_null()) {
    node->kind = TreeNode::Kind::kPlain;
    node->text = value.dump();
  }
  return node;
}

}  // namespace

std::optional<TreeRef> find_json_document(std::string_view text, const YamlBudget& budget) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') {
    return std::nullopt;
  }
  const JsonBudget limits{budget.bytes, budget.depth, budget.nodes};
  const Result<Json> value = parse_json(text, limits);
  if (value.has_error()) {
    return std::nullopt;
  }
  return tree_of(*value);
}

std::string shown_key(std::string_view key) {
  constexpr std::size_t kLongest = 40;
  return key.empty() ? "''" : printable(key, kLongest);
}

std::string shown_text(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  return printable(text, kLongest);
}

std::string join_path(std::string_view path, std::string_view key) {
  return path.empty() ? shown_key(key) : fmt::format("{}.{}", path, shown_key(key));
}

std::string join_path(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

}  // namespace voicectl
