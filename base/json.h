// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace voicectl {

using Json = nlohmann::json;

/// What a document from outside may cost.
struct JsonBudget {
  /// Longest text, in bytes.
  std::size_t bytes = 1U << 20;
  /// Deepest nesting. The library parses any depth but overflows the stack when it copies or
  /// prints a very deep value, so depth is refused while parsing.
  std::size_t depth = 64;
  /// Most values of any kind.
  std::size_t nodes = 100'000;
};

/// Parses RFC 8259 JSON within a budget. A key that stands twice in one object is an error, so
/// that two readers can never disagree about which one counts.
/// ERRORS: kInvalidArgument with the byte offset; kResourceExhausted over budget.
Result<Json> parse_json(std::string_view text, const JsonBudget& budget = {});

/// Prints compactly; bytes that are not UTF-8 are replaced instead of refused.
std::string dump_json(const Json& value);

/// Members of an object, checked: absent, null or of another type is the fallback (`*_or`) or an
/// error that names the key (`require_*`).
std::string string_or(const Json& object, std::string_view key, std::string_view fallback);
std::int64_t integer_or(const Json& object, std::string_view key, std::int64_t fallback);
Result<std::string> require_string(const Json& object, std::string_view key);
Result<std::int64_t> require_integer(const Json& object, std::string_view key);

}  // namespace voicectl
