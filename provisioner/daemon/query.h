// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "runtime/net/http_message.h"

namespace voicectl {

/// What a request's query says of `key`.
std::string query_or(const HttpRequest& request, const std::string& key, std::string fallback);

/// A whole number from 0 on, and nothing else; nullopt for any other text.
std::optional<std::int64_t> whole_number(std::string_view text);

/// A request's body.
/// ERRORS: those of parse_json(); kInvalidArgument for anything but an object.
Result<Json> parse_body(std::string_view text, const JsonBudget& budget = {});

/// Whether a member of a request's body is there and true.
bool flag_in(const Json& body, std::string_view key);

/// One printable line of at most `most` bytes, whatever somebody sent: what is no text of ours is
/// replaced. For what is kept, and shown at terminals later.
std::string one_line(std::string text, std::size_t most);

}  // namespace voicectl
