// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"

namespace voicectl {

/// A schema of docs/reference.
inline Json load_schema(const std::string& name) {
  std::ifstream file(std::string(VOICECTL_SCHEMAS) + "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  const Result<Json> schema = parse_json(text.str());
  return schema.has_value() ? *schema : Json();
}

/// As much of JSON Schema as our schema uses; another keyword is a problem, not a pass.
class SchemaCheck {
 public:
  explicit SchemaCheck(std::string name) : root_(load_schema(name)) {}

  std::vector<std::string> problems;

  void check(const Json& value) { check(root_, value, "it"); }

 private:
  void check(const Json& schema, const Json& value, const std::string& at) {
    for (const auto& [keyword, rule] : schema.items()) {
      if (!check_keyword(keyword, rule, schema, value, at)) {
        problems.push_back(at + ": breaks '" + keyword + "': " + value.dump().substr(0, 80));
      }
    }
  }

  bool check_keyword(const std::string& keyword,
                     const Json& rule,
                     const Json& schema,
                     const Json& value,
                     const std::string& at) {
    static const std::set<std::string> kNotes = {"$schema", "title", "description", "$defs"};
    if (kNotes.contains(keyword)) {
      return true;
    }
    if (keyword == "type") {
      return rule.is_array() ? std::any_of(rule.begin(), rule.end(),
                                           [&](const Json& one) {
                                             return has_type(one.get<std::string>(), value);
                                           })
                             : has_type(rule.get<std::string>(), value);
    }
    if (keyword == "$ref") {
      return check_reference(rule.get<std::string>(), value, at);
    }
    if (keyword == "const") {
      return value == rule;
    }
    if (keyword == "enum") {
      return std::find(rule.begin(), rule.end(), value) != rule.end();
    }
    if (keyword == "pattern") {
      return std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
    }
    if (keyword == "minimum") {
      return !value.is_number() || value.get<double>() >= rule.get<double>();
    }
    if (keyword == "minLength") {
      return value.get<std::string>().size() >= rule.get<std::size_t>();
    }
    return check_structure(keyword, rule, schema, value, at);
  }

  bool check_structure(const std::string& keyword,
                       const Json& rule,
                       const Json& schema,
                       const Json& value,
                       const std::string& at) {
    if (keyword == "required") {
      return !value.is_object() || std::all_of(rule.begin(), rule.end(), [&](const Json& key) {
        return value.contains(key.get<std::string>());
      });
    }
    if (keyword == "additionalProperties") {
      return std::all_of(value.items().begin(), value.items().end(), [&](const auto& member) {
        return schema.at("properties").contains(member.key());
      });
    }
    if (keyword == "maxItems") {
      return value.size() <= rule.get<std::size_t>();
    }
    if (keyword == "properties") {
      for (const auto& [key, inner] : rule.items()) {
        if (value.contains(key)) {
          check(inner, value.at(key), at + "." + key);
        }
      }
      return true;
    }
    if (keyword == "items") {
      for (std::size_t i = 0; i < value.size(); ++i) {
        check(rule, value[i], at + "[" + std::to_string(i) + "]");
      }
      return true;
    }
    return false;
  }

  /// Of this document, or another document as a whole.
  bool check_reference(const std::string& to, const Json& value, const std::string& at) {
    constexpr std::string_view kHere = "#/$defs/";
    if (to.starts_with(kHere)) {
      check(root_.at("$defs").at(to.substr(kHere.size())), value, at);
    } else {
      SchemaCheck other(to);
      other.check(other.root_, value, at);
      problems.insert(problems.end(), other.problems.begin(), other.problems.end());
    }
    return true;
  }

  static bool has_type(const std::string& type, const Json& value) {
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "number" && value.is_number()) || (type == "boolean" && value.is_boolean()) ||
           (type == "null" && value.is_null());
  }

  Json root_;
};

}  // namespace voicectl
