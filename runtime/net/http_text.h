// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/http_message.h"

namespace voicectl {

/// Compares ASCII without case.
bool equals_ignoring_case(std::string_view a, std::string_view b);

/// True for the characters of RFC 9110's `token`: methods and header names.
bool is_token(std::string_view text);

/// Without spaces and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

/// Name and value of a header line, without its end; nullopt if it is none. A line that begins
/// with a blank, has one before the colon, or holds a control character is none.
std::optional<std::pair<std::string_view, std::string_view>> parse_header_line(
    std::string_view line);

/// True if the headers of that name hold comma-separated tokens and nothing else.
bool is_token_list(const HttpHeaders& headers, std::string_view name);

/// True if any header of that name lists `token` among its comma-separated values, without case.
bool lists_token(const HttpHeaders& headers, std::string_view name, std::string_view token);

/// How the end of a response's body is told.
enum class BodyFraming { kLength, kChunked, kUntilClose };

/// What becomes of the connection after an answer.
enum class AfterAnswer { kKeepAlive, kClose };

/// Status line, headers and the blank line. Headers that frame the message are ours: those in
/// `response` are left out, and so is a header that would break the lines.
std::string render_head(const HttpResponse& response, BodyFraming framing, AfterAnswer after);

/// "Not Found" for 404; empty for a status without a registered phrase.
std::string_view reason_phrase(int status);

}  // namespace voicectl
