// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/response_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/net/http_text.h"

namespace voicectl {
namespace {

/// Headers of an answer, in bytes, before it counts as an attempt to fill our memory.
constexpr std::size_t kMostHeaderBytes = std::size_t{64} * 1024;

Error no_answer(std::string_view why) {
  return Error(ErrorCode::kUnavailable, "cannot read the answer: " + std::string(why));
}

Error too_long(std::size_t most) {
  return Error(ErrorCode::kResourceExhausted,
               "cannot take an answer of more than " + std::to_string(most) + " bytes");
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The only header of that name; an error if it stands twice with different values.
Result<std::optional<std::string_view>> single_header(const HttpHeaders& headers,
                                                      std::string_view name) {
  std::optional<std::string_view> found;
  for (const auto& [key, value] : headers) {
    if (!equals_ignoring_case(key, name)) {
      continue;
    }
    if (found && *found != value) {
      return no_answer("its length is told twice");
    }
    found = value;
  }
  return found;
}

}  // namespace

ResponseReader::ResponseReader(RequestKind kind, std::size_t most_body)
    : kind_(kind), most_body_(most_body) {}

Result<bool> ResponseReader::feed(std::string_view bytes) {
  has_begun_ = has_begun_ || !bytes.empty();
  unread_.append(bytes);
  return advance();
}

Result<bool> ResponseReader::advance() {
  if (framing_ == Framing::kUnknown) {
    VC_TRY(take_head());
  }
  switch (framing_) {
    case Framing::kUnknown:
      return false;
    case Framing::kNone:
      return true;
    case Framing::kLength:
      return take_length();
    case Framing::kChunked:
      return take_chunks();
    case Framing::kUntilEnd:
      return take_rest();
  }
  return false;
}

Status ResponseReader::take_head() {
  while (framing_ == Framing::kUnknown) {
    const std::size_t end = unread_.find("\r\n\r\n");
    // Of all answers together: informational ones may come without end.
    if (head_bytes_ + std::min(end, unread_.size()) > kMostHeaderBytes) {
      return too_long(kMostHeaderBytes);
    }
    if (end == std::string::npos) {
      return ok_status();
    }
    VC_TRY(read_head(std::string_view(unread_).substr(0, end + 2)));
    unread_.erase(0, end + 4);
    head_bytes_ += end + 4;
    if (response_.status >= 200) {
      VC_TRY(read_framing());
    }
  }
  return ok_status();
}

Status ResponseReader::read_head(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const bool is_11 = line.starts_with("HTTP/1.1 ");
  if ((!is_11 && !line.starts_with("HTTP/1.0 ")) || !all_digits(line.substr(9, 3))) {
    return no_answer("it does not begin with an HTTP version and a status");
  }
  (void)std::from_chars(line.data() + 9, line.data() + 12, response_.status);  // digits, just seen
  response_.headers.clear();
  for (std::size_t at = line.size() + 2; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    const auto header = parse_header_line(head.substr(at, end - at));
    if (!header) {
      return no_answer("a header is not a name, a colon and a value");
    }
    response_.headers.emplace_back(header->first, header->second);
    at = end + 2;
  }
  keeps_ = is_11 ? !lists_token(response_.headers, "Connection", "close")
                 : lists_token(response_.headers, "Connection", "keep-alive");
  return ok_status();
}

Status ResponseReader::read_framing() {
  if (kind_ == RequestKind::kHead || response_.status == 204 || response_.status == 304) {
    framing_ = Framing::kNone;
    return ok_status();
  }
  VC_TRY(const auto encoding, single_header(response_.headers, "Transfer-Encoding"));
  VC_TRY(const auto length, single_header(response_.headers, "Content-Length"));
  if (encoding) {
    if (length || !equals_ignoring_case(*encoding, "chunked")) {
      return no_answer("its Transfer-Encoding is not understood");
    }
    framing_ = Framing::kChunked;
    chunks_.emplace(most_body_);
    return ok_status();
  }
  if (!length) {
    framing_ = Framing::kUntilEnd;
    keeps_ = false;
    return ok_status();
  }
  const auto [stop, problem] =
      std::from_chars(length->data(), length->data() + length->size(), length_);
  if (!all_digits(*length) || problem != std::errc() || length_ > most_body_) {
    return all_digits(*length) ? too_long(most_body_) : no_answer("its length is no number");
  }
  framing_ = Framing::kLength;
  return ok_status();
}

Result<bool> ResponseReader::take_length() {
  if (unread_.size() < length_) {
    return false;
  }
  if (unread_.size() == length_) {
    response_.body = std::exchange(unread_, {});
  } else {
    response_.body = unread_.substr(0, length_);
    unread_.erase(0, length_);
  }
  return true;
}

Result<bool> ResponseReader::take_chunks() {
  if (const auto refusal = chunks_->advance(unread_)) {
    return refusal->status == 413 ? too_long(most_body_) : no_answer(refusal->message);
  }
  if (!chunks_->is_done()) {
    // Chunk sizes and extensions cost bytes of their own, but never that many.
    return unread_.size() > kMostHeaderBytes + 2 * most_body_ ? Result<bool>(too_long(most_body_))
                                                              : Result<bool>(false);
  }
  response_.body = chunks_->take_body();
  unread_.erase(0, chunks_->used());
  return true;
}

Result<bool> ResponseReader::take_rest() {
  response_.body += std::exchange(unread_, {});
  if (response_.body.size() > most_body_) {
    return too_long(most_body_);
  }
  return false;
}

Result<bool> ResponseReader::end() {
  if (framing_ == Framing::kUntilEnd) {
    return true;
  }
  return no_answer("the server hung up");
}

}  // namespace voicectl
