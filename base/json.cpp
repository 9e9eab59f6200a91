// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <vector>

namespace voicectl {
namespace {

/// Builds the value like the library's own reader, and stops at the first thing over budget.
class BudgetedReader : public nlohmann::json_sax<Json> {
 public:
  explicit BudgetedReader(const JsonBudget& budget) : budget_(budget), builder_(value_, false) {}

  bool null() override { return count() && builder_.null(); }
  bool boolean(bool v) override { return count() && builder_.boolean(v); }
  bool number_integer(number_integer_t v) override { return count() && builder_.number_integer(v); }
  bool number_unsigned(number_unsigned_t v) override {
    return count() && builder_.number_unsigned(v);
  }
  bool number_float(number_float_t v, const string_t& text) override {
    return count() && builder_.number_float(v, text);
  }
  bool string(string_t& v) override { return count() && builder_.string(v); }
  bool binary(binary_t& v) override { return count() && builder_.binary(v); }
  bool start_object(std::size_t size) override {
    keys_.emplace_back();
    return count() && deeper() && builder_.start_object(size);
  }
  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("cannot read JSON: key '{}' stands twice in one object", name.substr(0, 64)));
    }
    return builder_.key(name);
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return builder_.end_object();
  }
  bool start_array(std::size_t size) override {
    return count() && deeper() && builder_.start_array(size);
  }
  bool end_array() override {
    --depth_;
    return builder_.end_array();
  }
  bool parse_error(std::size_t position,
                   const std::string&,
                   const nlohmann::detail::exception&) override {
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
  bool count() {
    return ++nodes_ <= budget_.nodes ||
           fail(ErrorCode::kResourceExhausted,
                fmt::format("cannot read JSON: more than {} values", budget_.nodes));
  }
  bool deeper() {
    return ++depth_ <= budget_.depth ||
           fail(ErrorCode::kResourceExhausted,
                fmt::format("cannot read JSON: nested deeper than {}", budget_.depth));
  }

  JsonBudget budget_;
  Json value_;
  nlohmann::detail::json_sax_dom_parser<Json> builder_;
  std::vector<std::unordered_set<std::string>> keys_;
  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;
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
