// SPDX-License-Identifier: Apache-2.0
// What the daemon writes down of its tenants' load, through restarts, deaths and clocks that jump.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kLongAgo{0ms};
constexpr WallTime kFar{std::chrono::milliseconds(4'102'444'800'000)};

class LoadHistorySim : public DaemonWorld {
 protected:
  LoadHistorySim() { watch(); }
  ~LoadHistorySim() override { watch_.reset(); }

  void watch() {
    watch_ = std::make_unique<SimWatch>(daemon());
    watch_->watch.feed().start();
  }
  void restart_daemon() {
    watch_.reset();
    kill_daemon();
    start_daemon();
    watch();
  }
  void use_processor(const char* tenant, std::uint32_t milli) {
    machine.instances.use_processor(*TenantId::parse(tenant), MilliCpu{milli});
  }
  std::vector<WatchedStep> points(const char* tenant, LoadStep step = LoadStep::kMinute) {
    return *daemon().registry->read_load(*TenantId::parse(tenant), step, kLongAgo, kFar);
  }
  static std::chrono::microseconds used(const std::vector<WatchedStep>& points) {
    std::chrono::microseconds sum{0};
    for (const WatchedStep& point : points) {
      sum += point.row ? point.row->processor_time : 0us;
    }
    return sum;
  }

 private:
  std::unique_ptr<SimWatch> watch_;
};

TEST_F(LoadHistorySim, GoesOnWhereTheDaemonBeforeHasEnded) {
  apply(platform_with({"alpha", "beta"}));
  use_processor("alpha", 200);
  machine.sim.advance(10min);
  const std::size_t before = points("alpha").size();

  restart_daemon();
  EXPECT_THAT(points("alpha"), SizeIs(before));
  machine.sim.advance(10min);

  // Two minutes may be lost: the one under way, and what nobody saw begin.
  EXPECT_GE(used(points("alpha")), 200ms * 60 * 18);
  EXPECT_LE(used(points("alpha")), 200ms * 60 * 20);
  EXPECT_EQ(used(points("beta")), 0us);
  EXPECT_EQ(used(points("alpha", LoadStep::kHour)), used(points("alpha")));
}

TEST_F(LoadHistorySim, ADaemonThatDiesAtAnyTimeOfAMinuteDoublesNothing) {
  apply(platform_with({"alpha"}));
  use_processor("alpha", 500);
  const MonoTime begun = machine.sim.now();
  std::chrono::milliseconds lost{0};

  for (int second = 50; second < 75; ++second) {
    machine.sim.advance(3min + second * 1s);
    const MonoTime killed = machine.sim.now();
    restart_daemon();
    // The minute under way, what nobody saw begin, and the start of the next one.
    lost += 75s + std::chrono::duration_cast<std::chrono::milliseconds>(machine.sim.now() - killed);
  }
  machine.sim.advance(2min);

  const auto passed =
      std::chrono::duration_cast<std::chrono::microseconds>(machine.sim.now() - begun);
  EXPECT_LE(used(points("alpha")), passed / 2);
  EXPECT_GE(used(points("alpha")), (passed - lost - 2min) / 2);
  for (const WatchedStep& point : points("alpha")) {
    EXPECT_LE(point.watched, 66s) << format_wall_time(point.at);
  }
  EXPECT_EQ(used(points("alpha", LoadStep::kHour)), used(points("alpha")));
}

TEST_F(LoadHistorySim, AClockThatJumpsChangesNothingElse) {
  const DesiredState desired = platform_with({"alpha"});
  apply(desired);
  use_processor("alpha", 500);
  machine.sim.advance(5min);

  for (const auto by :
       {std::chrono::milliseconds(24h * 365 * 4), -std::chrono::milliseconds(24h * 365 * 5),
        std::chrono::milliseconds(24h * 365)}) {
    machine.wall.jump(by);
    machine.sim.advance(3min);
  }

  EXPECT_GE(used(points("alpha")), 30s * 12);
  EXPECT_LE(used(points("alpha")), 30s * 14);
  expect_converged(desired);
}

TEST_F(LoadHistorySim, InstancesAreWrittenDownThroughARestart) {
  apply(platform_with({"alpha"}));
  machine.sim.advance(5min);
  restart_daemon();
  machine.sim.advance(5min);

  const Result<std::vector<WatchedUsage>> points = daemon().registry->read_usage(
      *InstanceId::parse("shared-0"), LoadStep::kMinute, kLongAgo, kFar);
  std::size_t seen = 0;
  for (const WatchedUsage& point : *points) {
    seen += point.row ? 1 : 0;
  }
  EXPECT_GE(seen, 8U);
}

TEST_F(LoadHistorySim, ATenantThatComesAgainBeginsAnew) {
  apply(platform_with({"alpha", "beta"}));
  use_processor("alpha", 500);
  use_processor("beta", 500);
  machine.sim.advance(5min);

  apply(platform_with({"beta"}));
  machine.sim.advance(2min);
  const WallTime again = machine.wall.now();
  apply(platform_with({"alpha", "beta"}));
  machine.sim.advance(2min);

  for (const WatchedStep& point : points("alpha")) {
    EXPECT_TRUE(!point.row || point.at + 1min > again) << format_wall_time(point.at);
  }
  EXPECT_GT(used(points("alpha")), 0us);
  EXPECT_GE(used(points("beta")), 30s * 5);
}

TEST_F(LoadHistorySim, NothingIsWrittenWhileTheMonitorIsOff) {
  DesiredState desired = platform_with({"alpha"});
  desired.platform.monitor.mode = PromotionMode::kOff;
  apply(desired);
  use_processor("alpha", 500);

  machine.sim.advance(30min);

  EXPECT_THAT(points("alpha"), IsEmpty());
}

}  // namespace
}  // namespace voicectl
