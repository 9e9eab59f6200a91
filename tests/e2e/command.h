// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"

namespace voicectl::e2e {

struct Finished {
  /// Exit code; 128 + number for a signal.
  int code = -1;
  std::string out;
  std::string err;
};

/// A program of the build under way, with a bare environment.
class Running {
 public:
  explicit Running(const std::vector<std::string>& argv);
  /// Ends it if it still runs.
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// Reads its standard error until `text` has come; false if it ends before.
  bool wait_for_err(const std::string& text);
  /// The same of its standard output.
  bool wait_for_out(const std::string& text);
  /// Reads what it says until it ends.
  Finished finish();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
  UniqueFd err_;
  std::string out_so_far_;
  std::string err_so_far_;
};

/// Runs a program to its end.
Finished run(const std::vector<std::string>& argv);

/// What the instance whose own port that is says of itself; empty if it does not answer.
std::string metrics_at(int port);

/// A port nobody listens on, as the kernel gives it.
int free_port();
/// First of `count` neighbouring ports outside the ephemeral range that nobody listens on.
int free_port_range(int count);

/// Whether a process of that number exists (and is no zombie).
bool is_alive(int pid);
/// Blocks until it has ended; false if it has not within half a minute.
bool wait_for_end(int pid);

}  // namespace voicectl::e2e
