// SPDX-License-Identifier: Apache-2.0
#include "cli/document_difference.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "provisioner/model/yaml_text.h"

namespace voicectl {
namespace {

/// Members that name a thing in a list, the first that all of them have.
constexpr const char* kNames[] = {"slug", "name"};

void compare(const std::string& path, const Json& before, const Json& after, Json& out);

void note(const std::string& path, const Json* before, const Json* after, Json& out) {
  Json change = {{"path", path},
                 {"change", before == nullptr  ? "added"
                            : after == nullptr ? "removed"
                                               : "changed"}};
  if (before != nullptr) {
    change["before"] = *before;
  }
  if (after != nullptr) {
    change["after"] = *after;
  }
  out.push_back(std::move(change));
}

bool is_simple(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string member_path(const std::string& path, const std::string& key) {
  const std::string name = is_simple(key) ? key : Json(key).dump();
  return path.empty() ? name : path + "." + name;
}

void compare_objects(const std::string& path, const Json& before, const Json& after, Json& out) {
  std::set<std::string> keys;
  for (const Json* const side : {&before, &after}) {
    for (const auto& [key, value] : side->items()) {
      keys.insert(key);
    }
  }
  for (const std::string& key : keys) {
    const auto old = before.find(key);
    const auto now = after.find(key);
    if (old == before.end() || now == after.end()) {
      note(member_path(path, key), old == before.end() ? nullptr : &*old,
           now == after.end() ? nullptr : &*now, out);
    } else {
      compare(member_path(path, key), *old, *now, out);
    }
  }
}

/// The things of a list by `key`, in order of their names; nullopt if one has no name of its own.
std::optional<std::map<std::string, const Json*>> by_name(const Json& list, const char* key) {
  std::map<std::string, const Json*> out;
  for (const Json& item : list) {
    const std::string name = item.is_object() ? string_or(item, key, "") : "";
    if (name.empty() || !out.emplace(name, &item).second) {
      return std::nullopt;
    }
  }
  return out;
}

bool compare_named(const std::string& path, const Json& before, const Json& after, Json& out) {
  for (const char* const key : kNames) {
    const auto old = by_name(before, key);
    const auto now = by_name(after, key);
    if (!old || !now) {
      continue;
    }
    const std::size_t known = out.size();
    std::set<std::string> names;
    for (const auto* const side : {&*old, &*now}) {
      for (const auto& [name, item] : *side) {
        names.insert(name);
      }
    }
    for (const std::string& name : names) {
      const auto a = old->find(name);
      const auto b = now->find(name);
      const std::string place = path + "[" + (is_simple(name) ? name : Json(name).dump()) + "]";
      if (a == old->end() || b == now->end()) {
        note(place, a == old->end() ? nullptr : a->second, b == now->end() ? nullptr : b->second,
             out);
      } else {
        compare(place, *a->second, *b->second, out);
      }
    }
    // The same things in another order.
    return out.size() > known;
  }
  return false;
}

bool compare_values(const std::string& path, const Json& before, const Json& after, Json& out) {
  const auto is_plain = [](const Json& item) { return !item.is_structured(); };
  if (!std::all_of(before.begin(), before.end(), is_plain) ||
      !std::all_of(after.begin(), after.end(), is_plain)) {
    return false;
  }
  const std::size_t known = out.size();
  const std::multiset<Json> old(before.begin(), before.end());
  const std::multiset<Json> now(after.begin(), after.end());
  std::vector<Json> gone;
  std::vector<Json> come;
  std::set_difference(old.begin(), old.end(), now.begin(), now.end(), std::back_inserter(gone));
  std::set_difference(now.begin(), now.end(), old.begin(), old.end(), std::back_inserter(come));
  for (const Json& item : gone) {
    note(path + "[]", &item, nullptr, out);
  }
  for (const Json& item : come) {
    note(path + "[]", nullptr, &item, out);
  }
  return out.size() > known;
}

void compare(const std::string& path, const Json& before, const Json& after, Json& out) {
  if (before == after) {
    return;
  }
  if (before.is_object() && after.is_object()) {
    compare_objects(path, before, after, out);
    return;
  }
  if (before.is_array() && after.is_array() &&
      (compare_named(path, before, after, out) || compare_values(path, before, after, out))) {
    return;
  }
  note(path, &before, &after, out);
}

/// Without what says nothing: a document in its canonical form has every key.
Json without_blanks(const Json& value) {
  if (!value.is_object()) {
    return value;
  }
  Json out = Json::object();
  for (const auto& [key, member] : value.items()) {
    Json kept = without_blanks(member);
    const bool is_blank = kept.is_null() || (kept.is_string() && kept.get<std::string>().empty()) ||
                          (kept.is_structured() && kept.empty());
    if (!is_blank) {
      out[key] = std::move(kept);
    }
  }
  return out;
}

std::string one_line(const Json& value) {
  return safe_for_terminal(value.is_string() && !value.get<std::string>().empty()
                               ? value.get<std::string>()
                               : dump_json(value));
}

std::string block(const Json& value) {
  const std::string yaml = render_yaml(without_blanks(value));
  std::string out;
  for (std::size_t begin = 0; begin < yaml.size();) {
    const std::size_t end = std::min(yaml.find('\n', begin), yaml.size());
    out += "      " + safe_for_terminal(yaml.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return out;
}

std::string side(const std::string& mark,
                 Color color,
                 const std::string& path,
                 const Json& value,
                 const Palette& palette) {
  const std::string head = mark + " " + safe_for_terminal(path);
  return value.is_structured() ? "  " + palette.paint(color, head + ":") + "\n" + block(value)
                               : "  " + palette.paint(color, head + ": " + one_line(value)) + "\n";
}

}  // namespace

Json compare_documents(const Json& before, const Json& after) {
  Json out = Json::array();
  compare("", before, after, out);
  return out;
}

std::string print_document_changes(const Json& changes, const Palette& palette) {
  std::string out;
  for (const Json& change : changes) {
    const std::string path = string_or(change, "path", "?");
    const auto before = change.find("before");
    const auto after = change.find("after");
    if (before == change.end() && after != change.end()) {
      out += side("+", Color::kGood, path, *after, palette);
    } else if (after == change.end() && before != change.end()) {
      out += side("-", Color::kBad, path, *before, palette);
    } else if (before != change.end()) {
      out += "  " +
             palette.paint(Color::kWarning, fmt::format("~ {}: {} -> {}", safe_for_terminal(path),
                                                        one_line(*before), one_line(*after))) +
             "\n";
    }
  }
  return out;
}

}  // namespace voicectl
