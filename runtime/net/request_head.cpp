// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/request_head.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/net/request_target.h"

namespace voicectl {
namespace {

/// As many as most requests have: room for them is made once.
constexpr std::size_t kUsualHeaders = 10;

/// More headers than any client of ours sends; each costs two strings.
constexpr std::size_t kMaxHeaders = 100;

/// Absent means fine.
using Verdict = std::optional<Refusal>;

Refusal bad(std::string message) {
  return Refusal{400, std::move(message)};
}

/// Takes the text up to the next CR LF and steps over it.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Verdict read_version(std::string_view text, RequestHead& head) {
  if (text == "HTTP/1.1") {
    return {};
  }
  if (text == "HTTP/1.0") {
    head.version = HttpVersion::k10;
    return {};
  }
  const bool is_version = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                          text[6] == '.' && is_digit(text[7]);
  return is_version ? Refusal{505, "cannot speak this HTTP version; use 1.1"}
                    : bad("cannot read the request line: it does not end with an HTTP version");
}

Verdict read_request_line(std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos) {
    return bad("cannot read the request line: it is not method, target and version");
  }
  const std::string_view method = line.substr(0, first);
  if (!is_token(method)) {
    return bad("cannot read the request line: the method is not a token");
  }
  head.request.method = method;
  if (Verdict verdict = read_version(line.substr(second + 1), head)) {
    return verdict;
  }
  auto target = parse_request_target(line.substr(first + 1, second - first - 1));
  if (target.has_error()) {
    return bad(target.error().message());
  }
  head.request.path = std::move(target->path);
  head.request.query = std::move(target->query);
  return {};
}

Verdict read_header(std::string_view line, RequestHead& head) {
  const auto header = parse_header_line(line);
  if (!header) {
    return bad("cannot read the headers: a line is not a name, a colon and a value");
  }
  if (head.request.headers.size() == kMaxHeaders) {
    return Refusal{431, "cannot take more than 100 headers"};
  }
  if (head.request.headers.empty()) {
    head.request.headers.reserve(kUsualHeaders);
  }
  head.request.headers.emplace_back(header->first, header->second);
  return {};
}

std::size_t count_headers(const HttpHeaders& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [&](const auto& header) { return equals_ignoring_case(header.first, name); }));
}

Verdict check_host(const RequestHead& head) {
  const std::size_t count = count_headers(head.request.headers, "Host");
  if (count > 1) {
    return bad("cannot tell the host: the header stands twice");
  }
  if (count == 0) {
    return head.version == HttpVersion::k11 ? Verdict(bad("cannot tell the host: no Host header"))
                                            : Verdict();
  }
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
  if (head.request.header("Host")->find_first_not_of(kAllowed) != std::string_view::npos) {
    return bad("cannot tell the host: the Host header is no host name");
  }
  return {};
}

Verdict read_length(std::string_view text, RequestHead& head) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, head.body_length);
  // from_chars takes no sign for an unsigned number, so "+1" and "-1" are refused here too.
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit) || stop != end) {
    return bad("cannot tell the length of the body: Content-Length is no number");
  }
  if (error != std::errc()) {
    return Refusal{413, "cannot take a body of that length"};
  }
  head.body = head.body_length == 0 ? RequestBody::kNone : RequestBody::kLength;
  return {};
}

Verdict read_body_framing(RequestHead& head) {
  const HttpHeaders& headers = head.request.headers;
  const std::size_t lengths = count_headers(headers, "Content-Length");
  const std::size_t encodings = count_headers(headers, "Transfer-Encoding");
  if (lengths > 1 || encodings > 1 || (lengths == 1 && encodings == 1)) {
    return bad("cannot tell the length of the body: it is told twice");
  }
  if (lengths == 1) {
    return read_length(*find_header(headers, "Content-Length"), head);
  }
  if (encodings == 0) {
    return {};
  }
  if (head.version == HttpVersion::k10) {
    return bad("cannot tell the length of the body: HTTP/1.0 has no Transfer-Encoding");
  }
  if (!equals_ignoring_case(*find_header(headers, "Transfer-Encoding"), "chunked")) {
    return Refusal{501, "cannot decode this Transfer-Encoding; use 'chunked'"};
  }
  head.body = RequestBody::kChunked;
  return {};
}

Verdict read_expectation(RequestHead& head) {
  const auto expect = head.request.header("Expect");
  if (!expect || head.version == HttpVersion::k10) {
    return {};
  }
  if (!equals_ignoring_case(*expect, "100-continue")) {
    return Refusal{417, "cannot meet the expectation; only '100-continue' is known"};
  }
  head.expects_continue = head.body != RequestBody::kNone;
  return {};
}

Verdict read_persistence(RequestHead& head) {
  const HttpHeaders& headers = head.request.headers;
  if (!is_token_list(headers, "Connection")) {
    return bad("cannot read the headers: Connection is no list of tokens");
  }
  const bool keeps = head.version == HttpVersion::k11
                         ? !lists_token(headers, "Connection", "close")
                         : lists_token(headers, "Connection", "keep-alive");
  head.after = keeps ? AfterAnswer::kKeepAlive : AfterAnswer::kClose;
  return {};
}

Verdict read_all(std::string_view text, RequestHead& head) {
  if (Verdict verdict = read_request_line(take_line(text), head)) {
    return verdict;
  }
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    if (Verdict verdict = read_header(line, head)) {
      return verdict;
    }
  }
  if (Verdict verdict = check_host(head)) {
    return verdict;
  }
  if (Verdict verdict = read_body_framing(head)) {
    return verdict;
  }
  if (Verdict verdict = read_persistence(head)) {
    return verdict;
  }
  return read_expectation(head);
}

}  // namespace

std::variant<RequestHead, Refusal> parse_request_head(std::string_view head) {
  RequestHead result;
  if (Verdict verdict = read_all(head, result)) {
    return std::move(*verdict);
  }
  return result;
}

}  // namespace voicectl
