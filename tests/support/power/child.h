// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"

namespace voicectl {

/// A program that a test runs and whose output it reads line by line. Killed when it dies.
class Child {
 public:
  explicit Child(std::vector<std::string> argv);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The next line of its standard output, without the line end; waits for it. nullopt at the end.
  std::optional<std::string> read_line();

  /// SIGSTOP: it says nothing more, but what the kernel is at for it goes on. Loss of power ends
  /// both at one instant; the emulated one takes milliseconds, and a flush that begins meanwhile
  /// succeeds.
  void fall_silent() const;

  /// SIGKILL, and waits until it is gone.
  void kill_now();

  /// Waits for its end; its exit code, or 128 and the signal.
  int wait();

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  std::string buffer_;
};

/// Runs a program to its end; true if it exits with 0. What it prints is thrown away.
bool succeeds(std::vector<std::string> argv);

}  // namespace voicectl
