// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "base/os/virtual_reactor.h"

namespace voicectl {

/// The loop of tests.
using SimReactor = VirtualReactor;

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
