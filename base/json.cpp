// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/usual_json.h"

namespace voicectl {
namespace {

void append_number(std::string& out, std::int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

bool append_usual(std::string& out, const Json& value);

bool append_usual_object(std::string& out, const Json& object) {
  out += '{';
  for (const auto& [key, member] : object.get_ref<const Json::object_t&>()) {
    if (out.back() != '{') {
      out += ',';
    }
    if (!append_usual_json_string(out, key)) {
      return false;
    }
    out += ':';
    if (!append_usual(out, member)) {
      return false;
    }
  }
  out += '}';
  return true;
}

bool append_usual_array(std::string& out, const Json& array) {
  out += '[';
  for (const Json& element : array.get_ref<const Json::array_t&>()) {
    if (out.back() != '[') {
      out += ',';
    }
    if (!append_usual(out, element)) {
      return false;
    }
  }
  out += ']';
  return true;
}

/// Appends a value of objects, arrays, usual texts and whole numbers as the library prints it,
/// which takes three times as long; false for any other.
bool append_usual(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return append_usual_object(out, value);
    case Json::value_t::array:
      return append_usual_array(out, value);
    case Json::value_t::string:
      return append_usual_json_string(out, value.get_ref<const std::string&>());
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return true;
    case Json::value_t::null:
      out += "null";
      return true;
    case Json::value_t::number_integer:
      append_number(out, value.get<std::int64_t>());
      return true;
    case Json::value_t::number_unsigned:
      if (value.get<std::uint64_t>() > INT64_MAX) {
        return false;
      }
      append_number(out, value.get<std::int64_t>());
      return true;
    case Json::value_t::number_float:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      return false;
  }
  return false;
}

/// A whole number that an int64_t holds: the library keeps larger ones as unsigned.
bool is_integer(const Json& value) {
  return value.is_number_unsigned() ? value.get<std::uint64_t>() <= INT64_MAX
                                    : value.is_number_integer();
}

Error missing(std::string_view key, std::string_view type) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot use this object: '{}' must be {}", key, type));
}

}  // namespace

std::string dump_json(const Json& value) {
  std::string out;
  if (!append_usual(out, value)) {
    out = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return out;
}

std::string string_or(const Json& object, std::string_view key, std::string_view fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string(fallback);
}

std::int64_t integer_or(const Json& object, std::string_view key, std::int64_t fallback) {
  const auto found = object.find(key);
  return found != object.end() && is_integer(*found) ? found->get<std::int64_t>() : fallback;
}

Result<std::string> require_string(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return missing(key, "text");
  }
  return found->get<std::string>();
}

Result<std::int64_t> require_integer(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || !is_integer(*found)) {
    return missing(key, "a whole number");
  }
  return found->get<std::int64_t>();
}

}  // namespace voicectl
