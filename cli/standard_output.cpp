// SPDX-License-Identifier: Apache-2.0
#include "cli/standard_output.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ostream>
#include <string_view>

namespace voicectl {
namespace {

constexpr std::size_t kMostPending = 32U << 10;

/// As a shell tells it of a program that SIGPIPE has ended.
constexpr int kBrokenPipe = 128 + 13;

/// The errno of a write that failed; 0 if all is out.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      // Another program has made the terminal non-blocking.
      pollfd room{descriptor, POLLOUT, 0};
      (void)::poll(&room, 1, -1);  // the next write tells
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

DescriptorBuffer::~DescriptorBuffer() {
  (void)DescriptorBuffer::sync();  // nobody is left to be told
}

DescriptorBuffer::int_type DescriptorBuffer::overflow(int_type character) {
  if (traits_type::eq_int_type(character, traits_type::eof())) {
    return traits_type::not_eof(character);
  }
  const char one = traits_type::to_char_type(character);
  return xsputn(&one, 1) == 1 ? character : traits_type::eof();
}

std::streamsize DescriptorBuffer::xsputn(const char* text, std::streamsize size) {
  const std::string_view added(text, static_cast<std::size_t>(size));
  pending_ += added;
  const bool is_due = pending_.size() >= kMostPending ||
                      (sent_ == Sent::kAtLineEnds && added.find('\n') != std::string_view::npos);
  return is_due && sync() != 0 ? 0 : size;
}

int DescriptorBuffer::sync() {
  if (problem_ == 0) {
    problem_ = write_all(descriptor_, pending_);
  }
  pending_.clear();
  return problem_ == 0 ? 0 : -1;
}

int code_after_output(ExitCode code, int problem, std::ostream& err) {
  if (problem == 0) {
    return static_cast<int>(code);
  }
  if (problem == EPIPE) {
    return kBrokenPipe;
  }
  err << fmt::format("voicectl: cannot write the output: {}\n", std::strerror(problem));
  const bool says_all_went_well = code == ExitCode::kOk || code == ExitCode::kChanges;
  return static_cast<int>(says_all_went_well ? ExitCode::kFailure : code);
}

}  // namespace voicectl
