// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "base/os/reactor.h"

namespace voicectl {

/// A loop that a test can let run: simulated or real.
class ReactorWorld {
 public:
  virtual ~ReactorWorld() = default;
  virtual Reactor& reactor() = 0;
  /// Lets the loop run until what is due within `length` has run.
  virtual void run_for(Duration length) = 0;
};

/// What every Reactor promises. Include in one source per program and instantiate.
class ReactorContract : public ::testing::TestWithParam<std::unique_ptr<ReactorWorld> (*)()> {
 protected:
  static constexpr Duration kStep = std::chrono::milliseconds(2);

  Reactor::Task note(const std::string& name) {
    return [this, name] { seen_.push_back(name); };
  }

  std::unique_ptr<ReactorWorld> world_ = GetParam()();
  Reactor& reactor_ = world_->reactor();
  std::vector<std::string> seen_;
};

TEST_P(ReactorContract, RunsPostedTasksInOrderOfArrival) {
  reactor_.post(note("first"));
  reactor_.post(note("second"));
  reactor_.post(note("third"));

  world_->run_for(kStep);

  EXPECT_THAT(seen_, ::testing::ElementsAre("first", "second", "third"));
}

TEST_P(ReactorContract, RunsWhatATaskPostsInALaterTurn) {
  reactor_.post([this] {
    reactor_.post(note("inner"));
    seen_.push_back("outer");
  });

  // On a real clock a step may be over before the later turn has come.
  for (int steps = 0; seen_.size() < 2 && steps < 1000; ++steps) {
    world_->run_for(kStep);
  }

  EXPECT_THAT(seen_, ::testing::ElementsAre("outer", "inner"));
}

TEST_P(ReactorContract, RunsTimersByDeadlineNotByArrival) {
  const MonoTime start = reactor_.now();
  reactor_.call_at(start + 3 * kStep, note("late"));
  reactor_.call_at(start + kStep, note("early"));
  reactor_.call_at(start + 2 * kStep, note("middle"));

  world_->run_for(4 * kStep);

  EXPECT_THAT(seen_, ::testing::ElementsAre("early", "middle", "late"));
}

TEST_P(ReactorContract, RunsEqualDeadlinesInOrderOfArrival) {
  const MonoTime deadline = reactor_.now() + kStep;
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    expected.push_back(std::to_string(i));
    reactor_.call_at(deadline, note(expected.back()));
  }

  world_->run_for(2 * kStep);

  EXPECT_EQ(seen_, expected);
}

TEST_P(ReactorContract, NeverRunsATimerBeforeItsDeadline) {
  const MonoTime deadline = reactor_.now() + kStep;
  MonoTime ran_at;
  reactor_.call_at(deadline, [&] { ran_at = reactor_.now(); });

  world_->run_for(3 * kStep);

  EXPECT_GE(ran_at, deadline);
}

TEST_P(ReactorContract, RunsATimerOfThePastInALaterTurn) {
  reactor_.post([this] {
    reactor_.call_at(reactor_.now() - kStep, note("past"));
    seen_.push_back("now");
  });

  world_->run_for(kStep);

  EXPECT_THAT(seen_, ::testing::ElementsAre("now", "past"));
}

TEST_P(ReactorContract, ForgetsACancelledTimer) {
  const TimerId timer = reactor_.call_after(kStep, note("cancelled"));
  reactor_.call_after(kStep, note("kept"));

  reactor_.cancel(timer);
  world_->run_for(3 * kStep);

  EXPECT_THAT(seen_, ::testing::ElementsAre("kept"));
}

TEST_P(ReactorContract, LetsATimerCancelAnotherThatIsDueWithIt) {
  TimerId other{};
  const MonoTime deadline = reactor_.now() + kStep;
  reactor_.call_at(deadline, [&] { reactor_.cancel(other); });
  other = reactor_.call_at(deadline, note("cancelled"));

  world_->run_for(3 * kStep);

  EXPECT_THAT(seen_, ::testing::IsEmpty());
}

TEST_P(ReactorContract, TakesCancellingAFiredTimerAsNothing) {
  const TimerId timer = reactor_.call_after(kStep, note("fired"));
  world_->run_for(2 * kStep);

  reactor_.cancel(timer);
  reactor_.cancel(timer);
  world_->run_for(kStep);

  EXPECT_THAT(seen_, ::testing::ElementsAre("fired"));
}

TEST_P(ReactorContract, StandsStillInTimeDuringATurn) {
  bool agrees = false;
  reactor_.post([&] {
    const MonoTime first = reactor_.now();
    const auto real_start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < real_start + std::chrono::microseconds(200)) {
    }
    agrees = reactor_.now() == first;
  });

  world_->run_for(kStep);

  EXPECT_TRUE(agrees);
}

TEST_P(ReactorContract, RunsTasksOnTheLoop) {
  bool in_loop = false;
  reactor_.post([&] { in_loop = reactor_.in_loop(); });

  world_->run_for(kStep);

  EXPECT_TRUE(in_loop);
}

}  // namespace voicectl
