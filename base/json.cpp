// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace voicectl {
namespace {

/// Builds the value, and stops at the first thing over budget.
///
/// The library's own reader takes the second of two equal keys without a word, and asking it about
/// each would cost a set of names for every object; here the map itself tells.
class BudgetedReader {
 public:
  explicit BudgetedReader(const JsonBudget& budget) : budget_(budget) {}

  // What the library calls while it reads.
  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(Json::number_integer_t value) { return put(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return put(value); }
  bool number_float(Json::number_float_t value, const Json::string_t&) { return put(value); }
  bool string(Json::string_t& value) { return put(std::move(value)); }
  bool binary(Json::binary_t& value) { return put(std::move(value)); }
  bool start_object(std::size_t) { return open(Json::value_t::object); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(Json::value_t::array); }
  bool end_array() { return close(); }
  bool key(Json::string_t& name) {
    const auto [member, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(name);
    if (!is_new) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("cannot read JSON: key '{}' stands twice in one object", name.substr(0, 64)));
    }
    member_ = &member->second;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot read JSON: it is not valid at byte {}", position));
  }

  Result<Json> finish() {
    if (problem_) {
      return *problem_;
    }
    return std::move(value_);
  }
  Error budget_error() const { return *problem_; }

 private:
  bool fail(ErrorCode code, std::string text) {
    if (!problem_) {
      problem_ = Error(code, std::move(text));
    }
    return false;
  }

  /// Puts a value where it belongs; `placed_` is that place then.
  template <typename Value>
  bool put(Value&& value) {
    if (++nodes_ > budget_.nodes) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("cannot read JSON: more than {} values", budget_.nodes));
    }
    if (open_.empty()) {
      placed_ = &(value_ = Json(std::forward<Value>(value)));
    } else if (open_.back()->is_array()) {
      placed_ = &open_.back()->get_ref<Json::array_t&>().emplace_back(std::forward<Value>(value));
    } else {
      placed_ = &(*member_ = Json(std::forward<Value>(value)));
    }
    return true;
  }

  bool open(Json::value_t kind) {
    if (!put(kind)) {
      return false;
    }
    open_.push_back(placed_);
    return open_.size() <= budget_.depth ||
           fail(ErrorCode::kResourceExhausted,
                fmt::format("cannot read JSON: nested deeper than {}", budget_.depth));
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonBudget budget_;
  Json value_;
  /// Objects and arrays that have begun; each lies in the one before, which grows only at its end
  /// meanwhile.
  std::vector<Json*> open_;
  Json* member_ = nullptr;
  Json* placed_ = nullptr;
  std::size_t nodes_ = 0;
  std::optional<Error> problem_;
};

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

Result<Json> parse_json(std::string_view text, const JsonBudget& budget) {
  if (text.size() > budget.bytes) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot read JSON: {} bytes are more than the allowed {}", text.size(),
                             budget.bytes));
  }
  BudgetedReader reader(budget);
  try {
    if (Json::sax_parse(text.begin(), text.end(), &reader)) {
      return reader.finish();
    }
  } catch (const nlohmann::json::exception&) {
    return Error(ErrorCode::kInvalidArgument, "cannot read JSON: a number is out of range");
  }
  return reader.budget_error();
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
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
