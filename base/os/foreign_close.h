// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/os/unique_fd.h"

namespace voicectl {

/// Closes descriptors of which the last close() may block: a TCP connection that lingers
/// (SO_LINGER) until its peer has read everything, or a unix socket in whose queue such a one is
/// under way. Whoever may send us descriptors could hold up our loop with one.
///
/// Lingering is turned off first: nothing is lost, the kernel sends on without us. Who still has a
/// copy can turn it on again, and what is under way in a queue nobody can reach: so close() is
/// called on a thread of its own, and one that is late is called out of it by a signal (SIGURG,
/// which interrupts the wait; the kernel then goes on without us too).
///
/// THREADS: any.
/// COST: one thread from the first descriptor on, a second one once the first is not back before
/// the next descriptor comes, more only while some are late, at most `most_threads`. A system call
/// and a wake-up for each descriptor.
class ForeignCloser {
 public:
  struct Options {
    /// Time in one close() after which a thread is late: somebody else takes the next.
    Duration patience = std::chrono::milliseconds(20);
    std::size_t most_threads = 8;
    /// As close(2).
    std::function<void(int)> close = {};
  };

  explicit ForeignCloser(Options options);
  /// Waits for nobody: threads end when they are back.
  ~ForeignCloser();
  ForeignCloser(const ForeignCloser&) = delete;
  ForeignCloser& operator=(const ForeignCloser&) = delete;

  void close(UniqueFd fd);
  /// The same, but waits up to `patience` for it. Whether it is closed.
  bool close_within(UniqueFd fd, Duration patience);
  /// Descriptors that are not closed yet.
  std::size_t open_count() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Closes `fd` on a thread of this process's own closer. Foreign descriptors do so by themselves.
void close_elsewhere(UniqueFd fd);

/// The same for whoever needs what it was, such as the port of a listener: waits for that, up to
/// `patience`. Whether it is closed.
bool close_within(UniqueFd fd, Duration patience);

/// Descriptors that were given to close_elsewhere and are still open: they count for the process's
/// limit.
std::size_t still_closing();

}  // namespace voicectl
