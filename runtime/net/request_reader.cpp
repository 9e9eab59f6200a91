// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/request_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>

namespace voicectl {
namespace {

namespace http = boost::beast::http;

/// Chunk sizes and extensions cost bytes of their own. More than this many times the body's budget
/// is not a body but an attempt to keep us busy.
constexpr std::size_t kChunkOverhead = 2;

std::string too_long(std::size_t limit) {
  return "cannot take a body of more than " + std::to_string(limit) + " bytes";
}

}  // namespace

/// A request whose head is here and whose body is not yet whole.
struct RequestReader::Arriving {
  Arriving(RequestHead checked_head, const RequestLimits& limits) : head(std::move(checked_head)) {
    parser.eager(true);
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes + 1));
    parser.body_limit(limits.body_bytes);
  }

  RequestHead head;
  http::request_parser<http::string_body> parser;
  /// Bytes at the front of `unread_` that the parser has.
  std::size_t parsed = 0;
};

RequestReader::RequestReader(RequestLimits limits) : limits_(limits) {}

RequestReader::~RequestReader() = default;

void RequestReader::feed(std::string_view bytes) {
  unread_.append(bytes);
}

std::string RequestReader::release() {
  scanned_ = 0;
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
  return arriving_ && std::exchange(arriving_->head.expects_continue, false);
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
  arriving_ = std::make_unique<Arriving>(std::move(head), limits_);
  return take_body();
}

ReadOutcome RequestReader::take_body() {
  boost::system::error_code error;
  while (!arriving_->parser.is_done() && arriving_->parsed < unread_.size()) {
    const auto rest = std::string_view(unread_).substr(arriving_->parsed);
    const std::size_t used = arriving_->parser.put(boost::asio::buffer(rest), error);
    arriving_->parsed += used;
    if (error || used == 0) {
      break;
    }
  }
  if (arriving_->parser.is_done()) {
    const std::unique_ptr<Arriving> arrived = std::move(arriving_);
    arrived->head.request.body = std::move(arrived->parser.get().body());
    return finish(std::move(arrived->head), arrived->parsed);
  }
  if (error == http::error::body_limit ||
      unread_.size() > limits_.header_bytes + kChunkOverhead * limits_.body_bytes) {
    return refuse({413, too_long(limits_.body_bytes)});
  }
  if (error && error != http::error::need_more) {
    return refuse({400, "cannot read the body: " + error.message()});
  }
  return NeedMore();
}

ReadOutcome RequestReader::finish(RequestHead head, std::size_t used) {
  if (used == unread_.size()) {
    unread_.clear();
    unread_.shrink_to_fit();
  } else {
    unread_.erase(0, used);
  }
  scanned_ = 0;
  return ReceivedRequest{std::move(head.request), head.version, head.after};
}

}  // namespace voicectl
