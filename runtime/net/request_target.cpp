// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/request_target.h"

#include <algorithm>
#include <optional>

#include "runtime/net/utf8.h"

namespace voicectl {
namespace {

enum class PlusSign { kLiteral, kSpace };

Error bad(std::string message) {
  return Error(ErrorCode::kInvalidArgument, "cannot read the request target: " + message);
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  if (c >= 'a' && c <= 'f') {
    return static_cast<unsigned>(c - 'a') + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return static_cast<unsigned>(c - 'A') + 10;
  }
  return std::nullopt;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

/// REQUIRES: `text[at]` is '%'.
Result<char> decode_escape(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) {
    return bad("it ends inside a percent escape");
  }
  const auto high = hex_digit(text[at + 1]);
  const auto low = hex_digit(text[at + 2]);
  if (!high || !low) {
    return bad("a percent escape is not two hexadecimal digits");
  }
  return static_cast<char>(*high * 16 + *low);
}

Result<std::string> decode(std::string_view text, PlusSign plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      VC_TRY(const char c, decode_escape(text, at));
      decoded += c;
      at += 2;
    } else {
      decoded += text[at] == '+' && plus == PlusSign::kSpace ? ' ' : text[at];
    }
  }
  if (!is_utf8(decoded)) {
    return bad("it is not UTF-8");
  }
  return decoded;
}

Result<std::string> decode_path(std::string_view text) {
  VC_TRY(std::string path, decode(text, PlusSign::kLiteral));
  if (std::any_of(path.begin(), path.end(), is_control)) {
    return bad("the path holds a control character");
  }
  if (path.find("..") != std::string::npos || path.find("//") != std::string::npos) {
    return bad("the path holds '..' or '//'");
  }
  if (std::count(path.begin(), path.end(), '/') != std::count(text.begin(), text.end(), '/')) {
    return bad("the path holds an encoded slash");
  }
  return path;
}

Status add_pair(std::string_view pair, std::map<std::string, std::string>& query) {
  if (pair.empty()) {
    return ok_status();
  }
  const std::size_t equals = pair.find('=');
  const std::string_view raw_value =
      equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  VC_TRY(std::string key, decode(pair.substr(0, equals), PlusSign::kSpace));
  VC_TRY(std::string value, decode(raw_value, PlusSign::kSpace));
  if (!query.emplace(std::move(key), std::move(value)).second) {
    return bad("a key stands twice in the query");
  }
  return ok_status();
}

}  // namespace

Result<RequestTarget> parse_request_target(std::string_view target) {
  if (target.empty() || target.front() != '/') {
    return bad("it does not begin with '/'");
  }
  const bool is_printable = std::all_of(target.begin(), target.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7F && c != '#';
  });
  if (!is_printable) {
    return bad("it holds a character that must be percent-encoded");
  }
  RequestTarget result;
  const std::size_t mark = target.find('?');
  VC_TRY(result.path, decode_path(target.substr(0, mark)));
  std::string_view rest =
      mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    VC_TRY(add_pair(rest.substr(0, end), result.query));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return result;
}

}  // namespace voicectl
