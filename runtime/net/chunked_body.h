// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/net/request_head.h"

namespace voicectl {

/// Decodes a chunked body (RFC 9112, 7.1) as its bytes arrive, without any I/O.
///
/// Chunk extensions and trailers are checked and dropped.
class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t body_limit) : body_limit_(body_limit) {}

  /// Goes on decoding. `bytes` begins with the byte after the request's head and grows from call
  /// to call. A refusal is final.
  std::optional<Refusal> advance(std::string_view bytes);

  bool is_done() const { return phase_ == Phase::kDone; }
  /// How many of the bytes belong to the body. REQUIRES: it is done.
  std::size_t used() const { return at_; }
  std::string take_body() { return std::move(body_); }

 private:
  enum class Phase { kSize, kData, kDataEnd, kTrailer, kDone };
  enum class Progress { kOn, kNeedMore };
  struct Step {
    Progress progress = Progress::kOn;
    std::optional<Refusal> refusal = {};
  };

  Step step(std::string_view bytes);
  Step take_size(std::string_view rest);
  Step take_data(std::string_view rest);
  Step take_data_end(std::string_view rest);
  Step take_trailer(std::string_view rest);

  std::size_t body_limit_;
  Phase phase_ = Phase::kSize;
  std::size_t at_ = 0;
  std::size_t chunk_left_ = 0;
  std::string body_;
};

}  // namespace voicectl
