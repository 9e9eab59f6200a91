// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/os/reactor.h"

namespace voicectl {

/// A loop on simulated time: nothing happens until its owner says so, and the same calls give the
/// same order on every machine. For simulations that ship, such as the forecast of a plan, and for
/// tests.
///
/// Posted tasks run before timers that are due; timers run by deadline, equal ones in order of
/// arrival. An exception that a task throws leaves the loop usable.
/// THREADS: one.
class VirtualReactor final : public Reactor {
 public:
  /// Runs everything that is due now, and what that makes due, without moving time.
  /// Ends the program after kMaxTurns turns: something keeps posting itself.
  void settle();

  /// Settles, then moves time to each deadline within `length` in turn, and at last by all of it.
  void advance(Duration length);

  /// Runs one turn: one posted task, or else one due timer.
  /// Returns whether there was something to run.
  bool step();

  /// Tasks and timers that wait, due or not.
  std::size_t pending() const { return posted_.size() + timers_.size(); }

  /// Moves time to the next timer and runs it. Returns whether there was one.
  bool advance_to_next_timer();

  MonoTime now() const override { return now_; }
  void post(Task task) override;
  TimerId call_at(MonoTime deadline, Task task) override;
  void cancel(TimerId timer) override;
  bool in_loop() const override { return true; }

  /// More turns than any scenario needs between two moments.
  static constexpr std::size_t kMaxTurns = 1'000'000;

 private:
  using Key = std::pair<MonoTime, std::uint64_t>;

  MonoTime now_{std::chrono::seconds(1000)};
  std::uint64_t next_id_ = 1;
  std::deque<Task> posted_;
  std::map<Key, Task> timers_;
  std::unordered_map<std::uint64_t, MonoTime> deadlines_;
};

}  // namespace voicectl
