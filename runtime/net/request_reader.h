// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/net/http_message.h"
#include "runtime/net/request_head.h"

namespace voicectl {

struct RequestLimits {
  std::size_t header_bytes = std::size_t{16} * 1024;
  std::size_t body_bytes = std::size_t{1024} * 1024;
};

struct NeedMore {
  friend bool operator==(const NeedMore&, const NeedMore&) = default;
};

/// A whole request, and what its head said about the answer.
struct ReceivedRequest {
  HttpRequest request;
  HttpVersion version = HttpVersion::k11;
  AfterAnswer after = AfterAnswer::kKeepAlive;
};

using ReadOutcome = std::variant<NeedMore, ReceivedRequest, Refusal>;

/// Makes requests of bytes, without any I/O.
///
/// Its whole state is `unread()`, every byte since the last request that was taken, and
/// `has_continued()`. A reader that is given both elsewhere goes on from there.
class RequestReader {
 public:
  explicit RequestReader(RequestLimits limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Adds bytes in the order of their arrival, in pieces of any size.
  void feed(std::string_view bytes);

  /// The next whole request, if it has arrived. After a Refusal every call refuses again.
  ReadOutcome take();

  /// True once per request whose client waits for "100 Continue"; ask after NeedMore.
  bool wants_continue();
  /// Its client has been told so.
  bool has_continued() const { return has_continued_; }
  void set_continued() { has_continued_ = true; }

  const std::string& unread() const { return unread_; }
  /// Gives the unread bytes away; the reader is as new.
  std::string release();
  /// True between two requests.
  bool is_idle() const { return unread_.empty(); }

 private:
  struct Arriving;

  ReadOutcome refuse(Refusal refusal);
  /// Looks for the end of the head in bytes not looked at before.
  ReadOutcome take_head();
  ReadOutcome begin(RequestHead head);
  ReadOutcome take_body();
  ReadOutcome take_told_length();
  ReadOutcome take_chunks();
  ReadOutcome finish(RequestHead head, std::size_t used);

  RequestLimits limits_;
  std::string unread_;
  /// Bytes at the front of `unread_` that hold no end of a head.
  std::size_t scanned_ = 0;
  /// Exists while a body is arriving.
  std::unique_ptr<Arriving> arriving_;
  std::unique_ptr<Refusal> refusal_;
  bool has_continued_ = false;
};

}  // namespace voicectl
