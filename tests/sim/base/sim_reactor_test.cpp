// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sim_reactor.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(SimReactorTest, MovesTimeOnlyWhenTold) {
  SimReactor reactor;
  const MonoTime start = reactor.now();
  bool fired = false;
  reactor.call_after(10s, [&] { fired = true; });

  reactor.settle();
  reactor.advance(10s - 1ns);
  EXPECT_FALSE(fired);
  reactor.advance(1ns);

  EXPECT_TRUE(fired);
  EXPECT_EQ(reactor.now(), start + 10s);
}

TEST(SimReactorTest, GivesEachTimerItsOwnDeadlineAsTheTime) {
  SimReactor reactor;
  const MonoTime start = reactor.now();
  std::vector<Duration> times;
  for (const Duration wait : {3s, 1s, 2s}) {
    reactor.call_after(wait, [&] { times.push_back(reactor.now() - start); });
  }

  reactor.advance(1h);

  EXPECT_THAT(times, ElementsAre(1s, 2s, 3s));
}

TEST(SimReactorTest, RunsATimerThatATimerSetWithinTheSameAdvance) {
  SimReactor reactor;
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    reactor.call_after(1s, tick);
  };
  reactor.call_after(1s, tick);

  reactor.advance(24h);

  EXPECT_EQ(ticks, 24 * 3600);
}

TEST(SimReactorTest, GoesOnAfterATaskThrew) {
  SimReactor reactor;
  bool ran = false;
  reactor.post([] { throw std::string("killed"); });
  reactor.post([&] { ran = true; });

  EXPECT_THROW(reactor.settle(), std::string);
  reactor.settle();

  EXPECT_TRUE(ran);
}

TEST(SimReactorViewTest, TakesWhatItsProgramHadPendingWithIt) {
  SimReactor world;
  std::vector<std::string> seen;
  world.call_after(1s, [&] { seen.emplace_back("world"); });
  {
    SimReactorView view(world);
    view.call_after(1s, [&] { seen.emplace_back("killed timer"); });
    view.post([&] { seen.emplace_back("killed task"); });
    SimOffload(view).run([&] { seen.emplace_back("killed work"); }, [] {});
  }

  world.advance(2s);

  EXPECT_THAT(seen, ElementsAre("world"));
}

TEST(SimReactorViewTest, TakesNothingNewOnceKilled) {
  SimReactor world;
  SimReactorView view(world);
  bool ran = false;

  view.kill();
  view.post([&] { ran = true; });
  view.call_after(1s, [&] { ran = true; });
  world.advance(2s);

  EXPECT_FALSE(ran);
}

TEST(SimOffloadTest, RunsWorkInOrderAndReportsInLaterTurns) {
  SimReactor reactor;
  SimOffload offload(reactor);
  std::vector<std::string> seen;
  for (const char* name : {"a", "b"}) {
    offload.run([&seen, name] { seen.push_back(std::string("work ") + name); },
                [&seen, name] { seen.push_back(std::string("done ") + name); });
  }

  reactor.settle();

  EXPECT_THAT(seen, ElementsAre("work a", "work b", "done a", "done b"));
}

TEST(SimWallClockTest, GoesWithTheLoopAndJumps) {
  SimReactor reactor;
  SimWallClock clock(reactor);
  EXPECT_EQ(format_wall_time(clock.now()), "2026-01-01T00:00:00.000Z");

  reactor.advance(90s);
  clock.jump(-1h);

  EXPECT_EQ(format_wall_time(clock.now()), "2025-12-31T23:01:30.000Z");
}

}  // namespace
}  // namespace voicectl
