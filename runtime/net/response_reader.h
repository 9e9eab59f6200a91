// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/net/chunked_body.h"
#include "runtime/net/http_message.h"

namespace voicectl {

/// Makes the answer to one request of bytes, without any I/O.
///
/// Strict where leniency lets two readers disagree about where an answer ends: what comes behind it
/// would be taken for the answer to somebody else's request.
class ResponseReader {
 public:
  enum class RequestKind { kHead, kOther };

  ResponseReader(RequestKind kind, std::size_t most_body);

  /// Takes bytes in the order of their arrival. True once the answer is whole; then only `take`
  /// and the questions below may follow.
  /// ERRORS: kUnavailable if that is no answer; kResourceExhausted if it is too long.
  Result<bool> feed(std::string_view bytes);
  /// The peer sends no more. True if that makes the answer whole. ERRORS: kUnavailable if it does
  /// not.
  Result<bool> end();

  HttpResponse take() { return std::move(response_); }
  /// Whether any byte has come.
  bool has_begun() const { return has_begun_; }
  /// Whether the connection can be used for another request. REQUIRES: the answer is whole.
  bool keeps_connection() const { return keeps_ && unread_.empty(); }

 private:
  enum class Framing { kUnknown, kNone, kLength, kChunked, kUntilEnd };

  Result<bool> advance();
  /// Reads the head if it is here; informational answers are skipped.
  Status take_head();
  Status read_head(std::string_view head);
  Status read_framing();
  Result<bool> take_length();
  Result<bool> take_chunks();
  Result<bool> take_rest();

  RequestKind kind_;
  std::size_t most_body_;
  HttpResponse response_;
  Framing framing_ = Framing::kUnknown;
  std::size_t length_ = 0;
  std::size_t head_bytes_ = 0;
  std::optional<ChunkedBody> chunks_;
  std::string unread_;
  bool has_begun_ = false;
  bool keeps_ = true;
};

}  // namespace voicectl
