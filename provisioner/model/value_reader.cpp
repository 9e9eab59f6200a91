// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/value_reader.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "provisioner/model/suggest.h"

namespace voicectl {
namespace {

const TreeNode& empty_map() {
  static const TreeNode empty = [] {
    TreeNode node;
    node.kind = TreeNode::Kind::kMap;
    return node;
  }();
  return empty;
}

std::string found(const TreeNode& node) {
  switch (node.kind) {
    case TreeNode::Kind::kNothing:
      return "nothing";
    case TreeNode::Kind::kPlain:
      return fmt::format("'{}'", shown_text(node.text));
    case TreeNode::Kind::kQuoted:
      return fmt::format("the text \"{}\"", shown_text(node.text));
    case TreeNode::Kind::kList:
      return "a list";
    case TreeNode::Kind::kMap:
      return "a map";
  }
  return "";
}

/// Digits with an optional sign and no zero in front: what every reader of YAML takes for the same
/// number.
std::optional<std::int64_t> parse_whole(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0') || text == "-0") {
    return std::nullopt;
  }
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::string number_suggestion(const TreeNode& node) {
  if (node.kind == TreeNode::Kind::kQuoted && parse_whole(node.text)) {
    return "remove the quotes";
  }
  const std::size_t digit = node.text.find_first_not_of('0');
  if (node.kind == TreeNode::Kind::kPlain && digit != 0 && digit != std::string::npos &&
      parse_whole(std::string_view(node.text).substr(digit))) {
    return fmt::format("remove the leading zero, which some readers take for octal: {}",
                       node.text.substr(digit));
  }
  return "";
}

}  // namespace

void Problems::add(Diagnostic problem) {
  if (is_full()) {
    ++left_out_;
    return;
  }
  list_.push_back(std::move(problem));
}

std::vector<Diagnostic> Problems::take() {
  // Later rules (names that stand twice, relations) find earlier lines: people read top down.
  std::vector<std::string> files;
  for (const Diagnostic& problem : list_) {
    if (std::find(files.begin(), files.end(), problem.file) == files.end()) {
      files.push_back(problem.file);
    }
  }
  std::stable_sort(list_.begin(), list_.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    const auto file_a = std::find(files.begin(), files.end(), a.file);
    const auto file_b = std::find(files.begin(), files.end(), b.file);
    return std::tie(file_a, a.line, a.column) < std::tie(file_b, b.line, b.column);
  });
  return std::move(list_);
}

Diagnostic Spot::problem(std::string message, std::string suggestion) const {
  return Diagnostic{file, place.line,         place.column,
                    path, std::move(message), std::move(suggestion)};
}

ValueReader::ValueReader(const TreeNode& node, Spot spot, Problems& problems)
    : node_(&node), spot_(std::move(spot)), problems_(&problems) {}

void ValueReader::refuse(std::string message, std::string suggestion) const {
  problems_->add(spot_.problem(std::move(message), std::move(suggestion)));
}

void ValueReader::refuse_value(std::string_view allowed, std::string suggestion) const {
  refuse(fmt::format("found {}; allowed is {}", found(*node_), allowed), std::move(suggestion));
}

std::optional<std::string> ValueReader::text(const TextRule& rule) const {
  const std::string_view allowed = rule.lines == Lines::kMany ? "text" : allowed_by(rule.form);
  if (node_->kind != TreeNode::Kind::kPlain && node_->kind != TreeNode::Kind::kQuoted) {
    refuse_value(allowed, node_->kind == TreeNode::Kind::kNothing
                              ? "write a value, or remove the key to take the default"
                              : "");
    return std::nullopt;
  }
  const std::string& value = node_->text;
  if (value.size() < rule.least || value.size() > rule.most) {
    refuse(fmt::format("found {} bytes of text; allowed are {} to {}", value.size(), rule.least,
                       rule.most));
    return std::nullopt;
  }
  if (find_unprintable(value, rule.lines) || (!value.empty() && !has_form(value, rule.form))) {
    refuse_value(allowed);
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> ValueReader::plain_number(std::string_view allowed) const {
  const std::optional<std::int64_t> number =
      node_->kind == TreeNode::Kind::kPlain ? parse_whole(node_->text) : std::nullopt;
  if (!number) {
    refuse_value(allowed, number_suggestion(*node_));
  }
  return number;
}

std::optional<std::int64_t> ValueReader::whole_number(std::int64_t least, std::int64_t most) const {
  const std::string allowed = fmt::format("a whole number from {} to {}", least, most);
  const std::optional<std::int64_t> number = plain_number(allowed);
  if (number && (*number < least || *number > most)) {
    refuse_value(allowed);
    return std::nullopt;
  }
  return number;
}

std::optional<std::int64_t> ValueReader::seconds(std::int64_t least, std::int64_t most) const {
  const std::string allowed =
      fmt::format("a length of {} to {} seconds, such as 90, 90s, 30m or 1h", least, most);
  std::int64_t unit = 1;
  std::string_view digits = node_->text;
  if (digits.ends_with('s') || digits.ends_with('m') || digits.ends_with('h')) {
    unit = digits.back() == 's' ? 1 : digits.back() == 'm' ? 60 : 3600;
    digits.remove_suffix(1);
  }
  const bool scalar =
      node_->kind == TreeNode::Kind::kPlain || node_->kind == TreeNode::Kind::kQuoted;
  const std::optional<std::int64_t> number = scalar ? parse_whole(digits) : std::nullopt;
  if (!number || *number < 0 || *number > most || *number * unit < least || *number * unit > most) {
    refuse_value(allowed);
    return std::nullopt;
  }
  return *number * unit;
}

std::optional<bool> ValueReader::flag() const {
  if (node_->kind == TreeNode::Kind::kPlain && (node_->text == "true" || node_->text == "false")) {
    return node_->text == "true";
  }
  const bool yes = node_->text == "yes" || node_->text == "on" || node_->text == "True";
  const bool no = node_->text == "no" || node_->text == "off" || node_->text == "False";
  refuse_value("true or false", yes ? "did you mean 'true'?" : no ? "did you mean 'false'?" : "");
  return std::nullopt;
}

std::optional<Money> ValueReader::money() const {
  if (node_->kind == TreeNode::Kind::kPlain || node_->kind == TreeNode::Kind::kQuoted) {
    const Result<Money> amount = Money::parse(node_->text);
    if (amount.has_value()) {
      return *amount;
    }
  }
  refuse_value("an amount with at most two decimals, such as 18.99");
  return std::nullopt;
}

bool ValueReader::is_choice(const std::vector<std::string>& allowed) const {
  const bool scalar =
      node_->kind == TreeNode::Kind::kPlain || node_->kind == TreeNode::Kind::kQuoted;
  if (scalar && std::find(allowed.begin(), allowed.end(), node_->text) != allowed.end()) {
    return true;
  }
  refuse(fmt::format("found {}; allowed are {}", found(*node_), fmt::join(allowed, ", ")),
         scalar ? did_you_mean(node_->text, allowed) : "");
  return false;
}

std::vector<ValueReader> ValueReader::items() const {
  std::vector<ValueReader> out;
  if (node_->kind != TreeNode::Kind::kList) {
    refuse_value("a list", node_->kind == TreeNode::Kind::kNothing ? "write [] for none" : "");
    return out;
  }
  for (std::size_t i = 0; i < node_->items.size(); ++i) {
    const TreeNode& item = *node_->items[i];
    out.emplace_back(item, Spot{spot_.file, item.place, join_path(spot_.path, i)}, *problems_);
  }
  return out;
}

MapReader ValueReader::map() const {
  if (node_->kind == TreeNode::Kind::kMap) {
    return MapReader(*this);
  }
  refuse_value("a map of keys and values");
  return MapReader(ValueReader(empty_map(), spot_, *problems_));
}

MapReader::MapReader(const ValueReader& value) : value_(value) {}

std::optional<ValueReader> MapReader::find(std::string_view key) {
  known_.emplace(key);
  for (const TreeEntry& entry : value_.node().entries) {
    if (entry.key == key) {
      const Place place = entry.value->place.line > 0 ? entry.value->place : entry.place;
      return ValueReader(*entry.value,
                         Spot{value_.spot().file, place, join_path(value_.spot().path, key)},
                         value_.problems());
    }
  }
  return std::nullopt;
}

std::optional<ValueReader> MapReader::require(std::string_view key, std::string_view what) {
  std::optional<ValueReader> value = find(key);
  // Of what is no map at all this was said already.
  if (!value && &value_.node() != &empty_map()) {
    value_.problems().add(
        spot_of(key).problem("found no such key, which is required", fmt::format("add {}", what)));
  }
  return value;
}

bool MapReader::is_blank(std::string_view key) const {
  const auto& entries = value_.node().entries;
  return std::none_of(entries.begin(), entries.end(), [&](const TreeEntry& entry) {
    const bool scalar =
        entry.value->kind == TreeNode::Kind::kPlain || entry.value->kind == TreeNode::Kind::kQuoted;
    return entry.key == key && !(scalar && entry.value->text.empty());
  });
}

std::string MapReader::text(std::string_view key, const TextRule& rule, std::string fallback) {
  const std::optional<ValueReader> value = find(key);
  return value ? value->text(rule).value_or(std::move(fallback)) : std::move(fallback);
}

bool MapReader::flag(std::string_view key, bool fallback) {
  const std::optional<ValueReader> value = find(key);
  return value ? value->flag().value_or(fallback) : fallback;
}

std::uint32_t MapReader::number(std::string_view key,
                                std::int64_t least,
                                std::int64_t most,
                                std::uint32_t fallback) {
  const std::optional<ValueReader> value = find(key);
  return value ? static_cast<std::uint32_t>(value->whole_number(least, most).value_or(fallback))
               : fallback;
}

std::chrono::seconds MapReader::seconds(std::string_view key,
                                        std::int64_t least,
                                        std::int64_t most,
                                        std::chrono::seconds fallback) {
  const std::optional<ValueReader> value = find(key);
  return value ? std::chrono::seconds(value->seconds(least, most).value_or(fallback.count()))
               : fallback;
}

std::vector<std::string> MapReader::texts(std::string_view key, const TextRule& rule) {
  std::vector<std::string> out;
  const std::optional<ValueReader> value = find(key);
  if (!value) {
    return out;
  }
  for (const ValueReader& item : value->items()) {
    if (std::optional<std::string> text = item.text(rule)) {
      out.push_back(std::move(*text));
    }
  }
  return out;
}

Spot MapReader::spot_of(std::string_view key) const {
  Spot spot = value_.spot();
  spot.path = join_path(spot.path, key);
  for (const TreeEntry& entry : value_.node().entries) {
    if (entry.key == key) {
      spot.place = entry.place;
    }
  }
  return spot;
}

void MapReader::finish() const {
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const TreeEntry& entry : value_.node().entries) {
    if (known_.find(entry.key) != known_.end()) {
      continue;
    }
    const bool is_shown = !value_.problems().is_full();
    std::string hint = is_shown ? did_you_mean(entry.key, known) : "";
    if (is_shown && hint.empty()) {
      hint = fmt::format("remove it; known here: {}", fmt::join(known, ", "));
    }
    value_.problems().add(
        Spot{value_.spot().file, entry.place, join_path(value_.spot().path, entry.key)}.problem(
            "found an unknown key", std::move(hint)));
  }
}

}  // namespace voicectl
