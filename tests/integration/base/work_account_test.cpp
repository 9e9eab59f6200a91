// SPDX-License-Identifier: Apache-2.0
#include "base/os/work_account.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "base/os/asio_reactor.h"
#include "base/os/system_clock.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

/// Uses the processor until that much time has passed.
void work(Duration length) {
  const SteadyClock clock;
  for (const MonoTime end = clock.now() + length; clock.now() < end;) {
  }
}

class WorkAccountTest : public ::testing::Test {
 protected:
  /// Runs the loop until `reactor.stop()`.
  Duration run() {
    const SteadyClock clock;
    const MonoTime begin = clock.now();
    reactor.run();
    return clock.now() - begin;
  }

  AsioReactor reactor;
  WorkMeter meter;
  WorkAccountPtr ours = meter.open();
  WorkAccountPtr theirs = meter.open();
};

TEST_F(WorkAccountTest, ChargesAScopeAndNotWhatIsNestedInIt) {
  const SteadyClock clock;
  const MonoTime begin = clock.now();
  {
    const WorkScope outer(ours.get());
    work(2ms);
    {
      const WorkScope inner(theirs.get());
      work(3ms);
    }
    const WorkScope nobody(nullptr);
    work(4ms);
  }
  const Duration all = clock.now() - begin;

  EXPECT_EQ(present_account(), nullptr);
  EXPECT_GE(ours->on_loop(), 2ms);
  EXPECT_GE(theirs->on_loop(), 3ms);
  EXPECT_LE(ours->on_loop() + theirs->on_loop() + 4ms, all);
}

TEST_F(WorkAccountTest, GoesWithWhatIsPosted) {
  {
    const WorkScope scope(ours.get());
    reactor.post([this] {
      EXPECT_EQ(present_account(), ours.get());
      reactor.post([this] {
        EXPECT_EQ(present_account(), ours.get());
        work(1ms);
        reactor.stop();
      });
    });
  }
  reactor.post([] { EXPECT_EQ(present_account(), nullptr); });
  run();

  EXPECT_GE(ours->on_loop(), 1ms);
}

TEST_F(WorkAccountTest, GoesWithTimersAndWatches) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::optional<WatchId> watch;
  {
    const WorkScope scope(ours.get());
    watch = reactor.watch_readable(ends[0], [&] {
      EXPECT_EQ(present_account(), ours.get());
      reactor.unwatch(*watch);
      reactor.stop();
    });
  }
  {
    const WorkScope scope(theirs.get());
    reactor.call_after(1ms, [&] {
      EXPECT_EQ(present_account(), theirs.get());
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
    });
  }
  run();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(WorkAccountTest, ChargesTheProcessorTimeOfHelperThreadsAndComesBackToTheLoop) {
  // A helper may begin before the loop does.
  const SteadyClock clock;
  const MonoTime begin = clock.now();
  ThreadOffload offload(reactor);
  {
    const WorkScope scope(ours.get());
    offload.run(
        [] {
          // However long it is not let run.
          for (const Duration begun = thread_processor_time();
               thread_processor_time() - begun < 1ms;) {
          }
        },
        [this] {
          EXPECT_EQ(present_account(), ours.get());
          reactor.stop();
        });
  }
  offload.run([] { EXPECT_EQ(present_account(), nullptr); }, [] {});
  run();
  const Duration all = clock.now() - begin;

  EXPECT_GT(ours->processor_time(), Duration::zero());
  EXPECT_LE(ours->processor_time(), all);
}

TEST_F(WorkAccountTest, GoesWithACallbackThatIsKept) {
  std::function<void(int)> kept;
  {
    const WorkScope scope(ours.get());
    kept = for_present_account(
        std::function<void(int)>([&](int) { EXPECT_EQ(present_account(), ours.get()); }));
  }
  kept(1);
  EXPECT_EQ(present_account(), nullptr);
}

TEST_F(WorkAccountTest, OutlivesWhoeverOpenedIt) {
  {
    const WorkScope scope(ours.get());
    reactor.post([this] {
      EXPECT_NE(present_account(), nullptr);
      reactor.stop();
    });
  }
  ours.reset();
  meter.settle();
  run();
}

TEST(WorkMeterTest, TakesTheClocksWordWhileTheThreadHadTheProcessor) {
  Duration used{0};
  WorkMeter meter([&] { return used; });
  const WorkAccountPtr account = meter.open();

  account->charge_loop(3ms);
  used = 4ms;
  meter.settle();

  EXPECT_EQ(account->processor_time(), Duration(3ms));
}

TEST(WorkMeterTest, CutsAllAlikeToWhatTheThreadHasUsed) {
  Duration used{0};
  WorkMeter meter([&] { return used; });
  const WorkAccountPtr one = meter.open();
  const WorkAccountPtr other = meter.open();

  one->charge_loop(30ms);
  other->charge_loop(10ms);
  used = 20ms;
  meter.settle();

  EXPECT_EQ(one->processor_time(), Duration(15ms));
  EXPECT_EQ(other->processor_time(), Duration(5ms));
}

TEST(WorkMeterTest, NeverGoesBackAndCountsNothingTwice) {
  Duration used{0};
  WorkMeter meter([&] { return used; });
  const WorkAccountPtr account = meter.open();
  account->charge_loop(10ms);
  used = 10ms;
  meter.settle();

  meter.settle();
  account->charge_loop(10ms);
  meter.settle();  // the thread has used nothing since: another had the processor

  EXPECT_EQ(account->processor_time(), Duration(10ms));
}

TEST(WorkMeterTest, AddsWhatHelpersHaveUsed) {
  WorkMeter meter([] { return Duration(0); });
  const WorkAccountPtr account = meter.open();

  account->charge_helper(7ms);

  EXPECT_EQ(account->processor_time(), Duration(7ms));
}

}  // namespace
}  // namespace voicectl
