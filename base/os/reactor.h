// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace voicectl {

enum class TimerId : std::uint64_t {};
enum class WatchId : std::uint64_t {};

/// The loop that owns all control state. Everything that waits is a timer or a watched descriptor.
///
/// `now()` is fixed for one turn of the loop: two reads in one decision agree.
/// THREADS: loop thread only, except `post`.
class Reactor : public Clock {
 public:
  using Task = std::function<void()>;

  /// Runs `task` in a later turn, in order of arrival. THREADS: any.
  virtual void post(Task task) = 0;

  /// Runs `task` once, not before `deadline`. Equal deadlines run in order of arrival.
  virtual TimerId call_at(MonoTime deadline, Task task) = 0;
  TimerId call_after(Duration length, Task task) {
    return call_at(now() + length, std::move(task));
  }

  /// A timer that has fired or was cancelled before is no error.
  virtual void cancel(TimerId timer) = 0;

  /// True on the thread that runs the loop.
  virtual bool in_loop() const = 0;
};

/// Tells when a descriptor can be read or written: pidfds, pipes, sockets.
///
/// A descriptor number has one watch at a time; to wait for both directions, watch a duplicate. The
/// open file becomes non-blocking.
/// THREADS: loop thread only.
class FdWatcher {
 public:
  virtual ~FdWatcher() = default;

  /// Runs `task` in each turn that finds `fd` readable, hung up or in error, until `unwatch`.
  /// Level-triggered: a task that does not read is called again. `fd` stays the caller's and must
  /// be open until `unwatch`.
  virtual WatchId watch_readable(int fd, Reactor::Task task) = 0;

  /// The same for a descriptor that can be written, is hung up or in error.
  virtual WatchId watch_writable(int fd, Reactor::Task task) = 0;

  /// After this no task of the watch runs, not even one already due.
  virtual void unwatch(WatchId watch) = 0;
};

/// Runs blocking work (databases, key generation, name look-ups) off the loop, in order.
class Offload {
 public:
  virtual ~Offload() = default;

  /// Runs `work` on a helper thread, after all earlier work of this offload has finished, then
  /// `done` on the loop. `work` must take and leave values only; it may not touch loop state.
  virtual void run(Reactor::Task work, Reactor::Task done) = 0;
};

}  // namespace voicectl
