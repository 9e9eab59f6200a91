// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace voicectl {

/// OWNS: one file descriptor, closed when it dies. Empty holds none.
///
/// A foreign one is closed on another thread (base/os/foreign_close.h), whoever lets go of it and
/// why: its close() takes as long as somebody else likes. Its number is in use until then.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  /// One that came from another process, or that goes to one.
  static UniqueFd foreign(int fd);
  UniqueFd(UniqueFd&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), is_foreign_(std::exchange(other.is_foreign_, false)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  /// The number, for a system call; -1 when empty.
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  bool is_foreign() const { return is_foreign_; }
  /// Gives up ownership. Whoever closes the number has to know whether it was foreign.
  [[nodiscard]] int release();
  void close();
  /// A second descriptor of the same open file, close-on-exec, foreign if this one is; empty if
  /// this one is empty or the process is out of descriptors.
  UniqueFd duplicate() const;

 private:
  int fd_ = -1;
  bool is_foreign_ = false;
};

}  // namespace voicectl
