// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/request_reader.h"

#include <optional>
#include <utility>

#include "runtime/net/chunked_body.h"

namespace voicectl {
namespace {

/// Chunk sizes and extensions cost bytes of their own. More than this many times the body's budget
/// is not a body but an attempt to keep us busy.
constexpr std::size_t kChunkOverhead = 2;

std::string too_long(std::size_t limit) {
  return "cannot take a body of more than " + std::to_string(limit) + " bytes";
}

}  // namespace

/// A request whose head is here and whose body is not yet whole.
struct RequestReader::Arriving {
  Arriving(RequestHead checked_head, std::size_t size_of_head, std::size_t body_limit)
      : head(std::move(checked_head)), head_size(size_of_head), chunks(body_limit) {}

  RequestHead head;
  std::size_t head_size;
  ChunkedBody chunks;  ///< with kChunked
};

RequestReader::RequestReader(RequestLimits limits) : limits_(limits) {}

RequestReader::~RequestReader() = default;

void RequestReader::feed(std::string_view bytes) {
  unread_.append(bytes);
}

std::string RequestReader::release() {
  scanned_ = 0;
  has_continued_ = false;
  arriving_.reset();
  refusal_.reset();
  return std::exchange(unread_, std::string());
}

ReadOutcome RequestReader::refuse(Refusal refusal) {
  refusal_ = std::make_unique<Refusal>(std::move(refusal));
  return *refusal_;
}

ReadOutcome RequestReader::take() {
  if (refusal_) {
    return *refusal_;
  }
  return arriving_ ? take_body() : take_head();
}

bool RequestReader::wants_continue() {
  return arriving_ && arriving_->head.expects_continue && !std::exchange(has_continued_, true);
}

ReadOutcome RequestReader::take_head() {
  // Some clients send an empty line after a body; RFC 9112, 2.2 wants it skipped.
  while (unread_.starts_with("\r\n")) {
    unread_.erase(0, 2);
    scanned_ = 0;
  }
  for (; scanned_ < unread_.size(); ++scanned_) {
    const char c = unread_[scanned_];
    if (c == '\0' || (c == '\n' && (scanned_ == 0 || unread_[scanned_ - 1] != '\r'))) {
      return refuse({400, "cannot read the request: a line ends with a bare LF, or it holds NUL"});
    }
    if (c == '\n' && scanned_ >= 3 && unread_[scanned_ - 2] == '\n') {
      break;
    }
    if (scanned_ == limits_.header_bytes) {
      break;
    }
  }
  if (scanned_ >= limits_.header_bytes) {
    return refuse({431, "cannot take headers of more than " + std::to_string(limits_.header_bytes) +
                            " bytes"});
  }
  if (scanned_ == unread_.size()) {
    return NeedMore();
  }
  auto parsed = parse_request_head(std::string_view(unread_).substr(0, scanned_ + 1));
  if (auto* const refusal = std::get_if<Refusal>(&parsed)) {
    return refuse(std::move(*refusal));
  }
  return begin(std::get<RequestHead>(std::move(parsed)));
}

ReadOutcome RequestReader::begin(RequestHead head) {
  if (head.body == RequestBody::kNone) {
    return finish(std::move(head), scanned_ + 1);
  }
  if (head.body == RequestBody::kLength && head.body_length > limits_.body_bytes) {
    return refuse({413, too_long(limits_.body_bytes)});
  }
  arriving_ = std::make_unique<Arriving>(std::move(head), scanned_ + 1, limits_.body_bytes);
  return take_body();
}

ReadOutcome RequestReader::take_body() {
  return arriving_->head.body == RequestBody::kChunked ? take_chunks() : take_told_length();
}

ReadOutcome RequestReader::take_told_length() {
  const std::size_t length = arriving_->head.body_length;
  if (unread_.size() - arriving_->head_size < length) {
    return NeedMore();
  }
  const std::unique_ptr<Arriving> arrived = std::move(arriving_);
  arrived->head.request.body = unread_.substr(arrived->head_size, length);
  return finish(std::move(arrived->head), arrived->head_size + length);
}

ReadOutcome RequestReader::take_chunks() {
  const auto bytes = std::string_view(unread_).substr(arriving_->head_size);
  if (auto refusal = arriving_->chunks.advance(bytes)) {
    return refuse(std::move(*refusal));
  }
  const bool is_done = arriving_->chunks.is_done();
  const std::size_t size = is_done ? arriving_->chunks.used() : bytes.size();
  if (size > limits_.header_bytes + kChunkOverhead * limits_.body_bytes) {
    return refuse({413, too_long(limits_.body_bytes)});
  }
  if (!is_done) {
    return NeedMore();
  }
  const std::unique_ptr<Arriving> arrived = std::move(arriving_);
  arrived->head.request.body = arrived->chunks.take_body();
  return finish(std::move(arrived->head), arrived->head_size + size);
}

ReadOutcome RequestReader::finish(RequestHead head, std::size_t used) {
  if (used == unread_.size()) {
    unread_.clear();
    unread_.shrink_to_fit();
  } else {
    unread_.erase(0, used);
  }
  scanned_ = 0;
  has_continued_ = false;
  return ReceivedRequest{std::move(head.request), head.version, head.after};
}

}  // namespace voicectl
