// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/daemon_client.h"

namespace voicectl {

/// What Ctrl-C finds the program at.
enum class Moment {
  kLooking,
  kAsking,    ///< a question is on the terminal, and nothing was done yet
  kChanging,  ///< the daemon was asked for a change, and has not answered yet
};

/// As long as this lives, that is what the program is at. THREADS: one, and its signal handler.
class MomentScope {
 public:
  explicit MomentScope(Moment moment);
  ~MomentScope();
  MomentScope(const MomentScope&) = delete;
  MomentScope& operator=(const MomentScope&) = delete;

 private:
  Moment before_;
};

/// What is said of an interrupt now. Safe in a signal handler.
std::string_view words_of_interrupt();

/// Whether such a request asks the daemon for a change that goes on when nobody listens any more.
bool is_change(std::string_view method, std::string_view target, std::string_view body);

/// The same client, of which Ctrl-C is told the truth.
std::unique_ptr<DaemonClient> with_moments(std::unique_ptr<DaemonClient> client);

}  // namespace voicectl
