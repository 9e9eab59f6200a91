// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/chunked_body.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "runtime/net/http_text.h"

namespace voicectl {
namespace {

/// Longest line between chunks: a size, extensions, or a trailer.
constexpr std::size_t kMostLine = 1024;

Refusal broken(std::string what) {
  return {400, "cannot read the chunked body: " + std::move(what)};
}

/// *( ";" token [ "=" token ] )
bool are_extensions(std::string_view text) {
  while (!text.empty()) {
    if (text.front() != ';') {
      return false;
    }
    text.remove_prefix(1);
    const std::string_view extension = text.substr(0, text.find(';'));
    const std::size_t equals = extension.find('=');
    if (!is_token(extension.substr(0, equals)) ||
        (equals != std::string_view::npos && !is_token(extension.substr(equals + 1)))) {
      return false;
    }
    text.remove_prefix(extension.size());
  }
  return true;
}

}  // namespace

std::optional<Refusal> ChunkedBody::advance(std::string_view bytes) {
  while (!is_done()) {
    Step taken = step(bytes);
    if (taken.refusal) {
      return std::move(taken.refusal);
    }
    if (taken.progress == Progress::kNeedMore) {
      break;
    }
  }
  return std::nullopt;
}

ChunkedBody::Step ChunkedBody::step(std::string_view bytes) {
  const std::string_view rest = bytes.substr(at_);
  switch (phase_) {
    case Phase::kSize:
      return take_size(rest);
    case Phase::kData:
      return take_data(rest);
    case Phase::kDataEnd:
      return take_data_end(rest);
    case Phase::kTrailer:
      return take_trailer(rest);
    case Phase::kDone:
      break;
  }
  return {Progress::kNeedMore};
}

ChunkedBody::Step ChunkedBody::take_size(std::string_view rest) {
  const std::string_view line = rest.substr(0, rest.substr(0, kMostLine).find("\r\n"));
  if (line.size() == rest.size() || line.size() >= kMostLine) {
    return rest.size() < kMostLine ? Step{Progress::kNeedMore}
                                   : Step{.refusal = broken("a chunk's size has no end")};
  }
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  const std::string_view extensions = line.substr(static_cast<std::size_t>(end - line.data()));
  // from_chars reads a minus sign only for signed numbers.
  if (error == std::errc::invalid_argument || !are_extensions(extensions)) {
    return {.refusal = broken("a chunk does not begin with its size")};
  }
  if (error != std::errc() || size > body_limit_ - body_.size()) {
    return {.refusal = Refusal{
                413, "cannot take a body of more than " + std::to_string(body_limit_) + " bytes"}};
  }
  at_ += line.size() + 2;
  chunk_left_ = static_cast<std::size_t>(size);
  phase_ = size == 0 ? Phase::kTrailer : Phase::kData;
  return {};
}

ChunkedBody::Step ChunkedBody::take_data(std::string_view rest) {
  const std::string_view part = rest.substr(0, chunk_left_);
  body_.append(part);
  at_ += part.size();
  chunk_left_ -= part.size();
  if (chunk_left_ > 0) {
    return {Progress::kNeedMore};
  }
  phase_ = Phase::kDataEnd;
  return {};
}

ChunkedBody::Step ChunkedBody::take_data_end(std::string_view rest) {
  if (rest.size() < 2) {
    return {Progress::kNeedMore};
  }
  if (!rest.starts_with("\r\n")) {
    return {.refusal = broken("a chunk is longer than its size")};
  }
  at_ += 2;
  phase_ = Phase::kSize;
  return {};
}

ChunkedBody::Step ChunkedBody::take_trailer(std::string_view rest) {
  const std::string_view line = rest.substr(0, rest.substr(0, kMostLine).find("\r\n"));
  if (line.size() == rest.size() || line.size() >= kMostLine) {
    return rest.size() < kMostLine ? Step{Progress::kNeedMore}
                                   : Step{.refusal = broken("a trailer is too long")};
  }
  at_ += line.size() + 2;
  if (line.empty()) {
    phase_ = Phase::kDone;
    return {};
  }
  const auto trailer = parse_header_line(line);
  if (!trailer || equals_ignoring_case(trailer->first, "Content-Length") ||
      equals_ignoring_case(trailer->first, "Transfer-Encoding") ||
      equals_ignoring_case(trailer->first, "Host")) {
    return {.refusal = broken("a trailer is not allowed")};
  }
  return {};
}

}  // namespace voicectl
