// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/yaml_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace voicectl {
namespace {

constexpr std::array<std::string_view, 8> kFirstKeys = {
    "apiVersion", "platform", "tenants", "tenant", "instance", "session", "slug", "name"};

std::size_t rank_of(std::string_view key) {
  return static_cast<std::size_t>(std::find(kFirstKeys.begin(), kFirstKeys.end(), key) -
                                  kFirstKeys.begin());
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Words that some reader of YAML takes for a flag or for nothing.
bool is_special_word(std::string_view text) {
  constexpr std::array<std::string_view, 10> kWords = {"true", "false", "yes", "no", "on",
                                                       "off",  "null",  "y",   "n",  "nan"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

bool can_stand_plain(std::string_view text) {
  if (text.empty() || !is_letter(text.front()) || text.back() == ' ' || is_special_word(text)) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view(" ._/@+()'-").find(c) != std::string_view::npos;
  });
}

std::string scalar(const Json& value) {
  if (!value.is_string()) {
    return value.is_array() ? "[]" : value.is_object() ? "{}" : dump_json(value);
  }
  const std::string text = value.get<std::string>();
  // JSON's quoted form is YAML's double-quoted form.
  return can_stand_plain(text) ? text : dump_json(value);
}

bool is_block(const Json& value) {
  return value.is_structured() && !value.empty();
}

void write_block(const Json& value, std::size_t indent, bool in_list, std::string& out);

void write_map(const Json& map, std::size_t indent, bool in_list, std::string& out) {
  std::vector<std::string> keys;
  for (const auto& [key, member] : map.items()) {
    keys.push_back(key);
  }
  std::stable_sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
    return rank_of(a) < rank_of(b);
  });
  bool first = in_list;  // the first key stands behind the "- "
  for (const std::string& key : keys) {
    out += first ? "" : std::string(indent, ' ');
    first = false;
    out += scalar(Json(key)) + ":";
    const Json& member = map.at(key);
    if (is_block(member)) {
      out += "\n";
      write_block(member, indent + 2, false, out);
    } else {
      out += " " + scalar(member) + "\n";
    }
  }
}

void write_list(const Json& list, std::size_t indent, bool in_list, std::string& out) {
  bool first = in_list;
  for (const Json& item : list) {
    out += (first ? "" : std::string(indent, ' ')) + "- ";
    first = false;
    if (is_block(item)) {
      write_block(item, indent + 2, true, out);
    } else {
      out += scalar(item) + "\n";
    }
  }
}

void write_block(const Json& value, std::size_t indent, bool in_list, std::string& out) {
  if (value.is_object()) {
    write_map(value, indent, in_list, out);
  } else {
    write_list(value, indent, in_list, out);
  }
}

}  // namespace

std::string render_yaml(const Json& value) {
  if (!is_block(value)) {
    return scalar(value) + "\n";
  }
  std::string out;
  write_block(value, 0, false, out);
  return out;
}

}  // namespace voicectl
