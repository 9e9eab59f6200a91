// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/os/reactor.h"

namespace voicectl {

/// A loop on simulated time: nothing happens until a test says so, and the same calls give the
/// same order on every machine.
///
/// Posted tasks run before timers that are due; timers run by deadline, equal ones in order of
/// arrival. An exception that a task throws (see faulty.h) leaves the loop usable.
/// THREADS: one.
class SimReactor final : public Reactor {
 public:
  /// Runs everything that is due now, and what that makes due, without moving time.
  /// Ends the test program after kMaxTurns turns: something keeps posting itself.
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

/// The loop as one simulated program sees it: when the view dies, all that the program had posted
/// or timed dies with it, as it does with a killed process.
class SimReactorView final : public Reactor {
 public:
  /// REQUIRES: `world` outlives the view.
  explicit SimReactorView(SimReactor& world);
  ~SimReactorView() override { kill(); }
  SimReactorView(const SimReactorView&) = delete;
  SimReactorView& operator=(const SimReactorView&) = delete;

  MonoTime now() const override { return world_.now(); }
  void post(Task task) override;
  TimerId call_at(MonoTime deadline, Task task) override;
  void cancel(TimerId timer) override { world_.cancel(timer); }
  bool in_loop() const override { return true; }

  /// Drops what is pending, at once and for ever: call before the program's objects are destroyed,
  /// so that nothing they do while dying is carried out later.
  void kill() { *alive_ = false; }

 private:
  Task guarded(Task task) const;

  SimReactor& world_;
  std::shared_ptr<bool> alive_;
};

/// An offload without a thread: the work is one later turn, its `done` another.
class SimOffload final : public Offload {
 public:
  explicit SimOffload(Reactor& reactor) : reactor_(reactor) {}
  void run(Reactor::Task work, Reactor::Task done) override;

 private:
  Reactor& reactor_;
};

/// A calendar that goes as the simulated loop goes, and can jump as real ones do.
class SimWallClock final : public WallClock {
 public:
  /// 2026-01-01T00:00:00Z.
  static constexpr WallTime kStart{std::chrono::milliseconds(1'767'225'600'000)};

  explicit SimWallClock(const Clock& clock, WallTime start = kStart)
      : clock_(clock), start_(start), origin_(clock.now()) {}

  WallTime now() const override {
    return start_ + std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - origin_);
  }
  /// The administrator, or a time server, sets the clock.
  void jump(std::chrono::milliseconds by) { start_ += by; }

 private:
  const Clock& clock_;
  WallTime start_;
  MonoTime origin_;
};

}  // namespace voicectl
