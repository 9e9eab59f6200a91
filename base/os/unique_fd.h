// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace voicectl {

/// OWNS: one file descriptor, closed when it dies. Empty holds none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  /// The number, for a system call; -1 when empty.
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  /// Gives up ownership.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void close();
  /// A second descriptor of the same open file, close-on-exec; empty if this one is empty or the
  /// process is out of descriptors.
  UniqueFd duplicate() const;

 private:
  int fd_ = -1;
};

}  // namespace voicectl
