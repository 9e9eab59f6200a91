// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>
#include <variant>
#include <vector>

#include "base/check.h"
#include "runtime/net/request_reader.h"
#include "runtime/net/utf8.h"
#include "tests/fuzz/fuzz_targets.h"

namespace voicectl::fuzz {
namespace {

namespace http = boost::beast::http;

constexpr RequestLimits kLimits{.header_bytes = 2048, .body_bytes = 1024};

/// Outcomes as text, so that they compare and print.
class Transcript {
 public:
  /// Feeds `bytes` in pieces; false once the reader has refused.
  bool feed(RequestReader& reader, std::string_view bytes, std::size_t piece) {
    for (std::size_t at = 0; at < bytes.size() && !is_refused_; at += piece) {
      reader.feed(bytes.substr(at, piece));
      take_all(reader);
    }
    return !is_refused_;
  }

  const std::vector<std::string>& outcomes() const { return outcomes_; }

 private:
  void take_all(RequestReader& reader) {
    for (auto outcome = reader.take(); !std::holds_alternative<NeedMore>(outcome);
         outcome = reader.take()) {
      if (const auto* const refusal = std::get_if<Refusal>(&outcome)) {
        outcomes_.push_back("refused " + std::to_string(refusal->status));
        is_refused_ = true;
        return;
      }
      note(std::get<ReceivedRequest>(outcome).request);
    }
  }

  void note(const HttpRequest& request) {
    VC_CHECK(request.path.starts_with('/'), "only origin-form targets are accepted");
    VC_CHECK(request.path.find("..") == std::string::npos, "a path never climbs");
    VC_CHECK(request.path.find("//") == std::string::npos, "a path has one spelling");
    VC_CHECK(request.path.find('\0') == std::string::npos, "a path holds no NUL");
    VC_CHECK(is_utf8(request.path), "a path is text");
    VC_CHECK(request.body.size() <= kLimits.body_bytes, "a body stays within its budget");
    std::string line = request.method + " " + request.path + " " + request.body;
    for (const auto& [name, value] : request.headers) {
      line += "|" + name + "=" + value;
    }
    outcomes_.push_back(std::move(line));
  }

  std::vector<std::string> outcomes_;
  bool is_refused_ = false;
};

Transcript read_in_pieces(std::string_view bytes, std::size_t piece) {
  RequestReader reader(kLimits);
  Transcript transcript;
  transcript.feed(reader, bytes, std::max<std::size_t>(piece, 1));
  return transcript;
}

/// The outcomes when the reader moves to another process after `cut` bytes.
Transcript read_and_move(std::string_view bytes, std::size_t cut) {
  RequestReader first(kLimits);
  Transcript transcript;
  if (transcript.feed(first, bytes.substr(0, cut), std::max<std::size_t>(cut, 1))) {
    RequestReader second(kLimits);
    const std::string rest = first.release() + std::string(bytes.substr(cut));
    transcript.feed(second, rest, std::max<std::size_t>(rest.size(), 1));
  }
  return transcript;
}

/// What we accept, another parser must accept too, and end at the same byte: nobody in front of us
/// can be made to see a request where we see a body, or the other way round.
void compare_with_beast(std::string_view bytes) {
  RequestReader reader(kLimits);
  reader.feed(bytes);
  const auto outcome = reader.take();
  const auto* const received = std::get_if<ReceivedRequest>(&outcome);
  if (received == nullptr) {
    return;
  }
  const std::size_t ours = bytes.size() - reader.unread().size();
  while (bytes.starts_with("\r\n")) {
    bytes.remove_prefix(2);
  }
  const std::size_t skipped = bytes.size() - reader.unread().size();
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  boost::system::error_code error;
  std::size_t theirs = 0;
  while (!parser.is_done() && !error && theirs < bytes.size()) {
    theirs += parser.put(boost::asio::buffer(bytes.substr(theirs)), error);
  }
  VC_CHECK(parser.is_done() && !error, "Beast accepts what we accept");
  VC_CHECK(theirs == skipped && skipped <= ours, "Beast ends a request where we do");
  VC_CHECK(parser.get().body() == received->request.body, "Beast sees the same body");
}

}  // namespace

void http_request(std::string_view bytes) {
  const Transcript whole = read_in_pieces(bytes, bytes.size());
  for (const std::size_t piece : {1, 3, 64}) {
    VC_CHECK(read_in_pieces(bytes, piece).outcomes() == whole.outcomes(),
             "requests do not depend on how their bytes arrive");
  }
  for (const std::size_t part : {1, 2, 3}) {
    VC_CHECK(read_and_move(bytes, bytes.size() * part / 4).outcomes() == whole.outcomes(),
             "requests do not depend on where they are read");
  }
  compare_with_beast(bytes);
}

}  // namespace voicectl::fuzz
