// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>

#include "runtime/outbox/outbox.h"
#include "runtime/outbox/retry_schedule.h"
#include "tests/unit/runtime/outbox/outbox_fixture.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Verdict = DeliveryOutcome::Verdict;

/// From a call during the last pause of an outage to its first try: the pause of at most a minute,
/// and ten thousand before it, six at a time and 20 ms each.
constexpr Duration kBehindABacklog = 2min;
/// From a call when the other side is known to be back: a place in the line becomes free, and so
/// does one for somebody who came before.
constexpr Duration kBesideABacklog = 40ms;

class OutboxOutageTest : public OutboxTest {
 protected:
  OutboxOutageTest() {
    side_.takes = 20ms;
    side_.answer = [this](const OutboxEntry&) {
      return is_down_ ? failed(Verdict::kUnreachable) : DeliveryOutcome{};
    };
  }

  std::size_t dead() const {
    return static_cast<std::size_t>(std::count_if(
        disk_.outbox.begin(), disk_.outbox.end(),
        [](const auto& kept) { return kept.second.state == OutboxEntry::State::kDead; }));
  }

  std::map<std::string, MonoTime> first_tries() const {
    std::map<std::string, MonoTime> first;
    for (const ScriptedSide::Try& one : side_.tries) {
      first.emplace(one.key, one.at);
    }
    return first;
  }

  bool is_down_ = true;
};

TEST_F(OutboxOutageTest, AsksForOneEntryAsTheScheduleSays) {
  decide("a");
  world_.advance(80h);

  ASSERT_THAT(side_.tries, SizeIs(10));
  const MonoTime begin = side_.tries.front().at;
  Duration slot_end{0};
  for (std::size_t n = 1; n < side_.tries.size(); ++n) {
    EXPECT_GE(side_.tries[n].at - begin, slot_end) << n;
    slot_end += kAttemptWaits[n];
    EXPECT_LE(side_.tries[n].at - begin, slot_end + 5min) << n;
  }
  EXPECT_EQ(dead(), 1U);
  EXPECT_THAT(side_.given_up, SizeIs(1));
}

TEST_F(OutboxOutageTest, AccountsForEveryEntryOfAnOutageOfEightyHours) {
  constexpr int kEntries = 2000;
  for (int i = 0; i < kEntries; ++i) {
    decide(std::to_string(i), "session-" + std::to_string(i % 500));
  }
  // Of a session only its oldest entry is tried, so the last ones' turn comes after four schedules.
  world_.advance(80h * 4);

  EXPECT_EQ(dead(), std::size_t{kEntries});
  EXPECT_THAT(side_.effects, IsEmpty());
  EXPECT_EQ(process_->outbox->pending(), 0U);
}

TEST_F(OutboxOutageTest, LeavesTheOtherSideAloneWhileItIsDown) {
  for (int i = 0; i < 10'000; ++i) {
    decide(std::to_string(i));
  }
  world_.advance(1h);

  // One a minute and a few at the beginning, not ten thousand three times.
  EXPECT_LE(side_.tries.size(), 130U);
}

TEST_F(OutboxOutageTest, DrainsABacklogWithoutAHerdAndServesCallersMeanwhile) {
  for (int i = 0; i < 10'000; ++i) {
    decide("old-" + std::to_string(i));
  }
  world_.advance(2h);
  side_.tries.clear();
  side_.most_in_flight = 0;
  is_down_ = false;
  std::map<std::string, MonoTime> asked;
  // Somebody calls every 200 ms; whoever is tried first after the outage finds out.
  while (process_->outbox->pending() > 0 && asked.size() < 5000) {
    const std::string key = "live-" + std::to_string(asked.size());
    asked.emplace(key, world_.now());
    decide(key);
    world_.advance(200ms);
  }

  EXPECT_EQ(process_->outbox->pending(), 0U);
  EXPECT_THAT(side_.effects, SizeIs(10'000 + asked.size()));
  EXPECT_LE(side_.most_in_flight, 8U);
  const std::map<std::string, MonoTime> first = first_tries();
  const MonoTime found_out = side_.tries.front().at + side_.takes;
  for (const auto& [key, at] : asked) {
    ASSERT_TRUE(first.contains(key)) << key;
    EXPECT_LE(first.at(key) - at, at < found_out ? kBehindABacklog : kBesideABacklog)
        << key << " of " << asked.size();
  }
  for (const auto& [key, count] : side_.effects) {
    ASSERT_EQ(count, 1) << key;
  }
}

TEST_F(OutboxOutageTest, AnswersACallerDuringAPauseWithoutAskingAgain) {
  decide("a");
  world_.advance(100ms);
  const std::size_t before = side_.tries.size();

  decide("b");
  world_.advance(100ms);

  EXPECT_EQ(side_.tries.size(), before);
  EXPECT_EQ(on_disk(2).attempts, 1U);
}

TEST_F(OutboxOutageTest, HeedsARequestForQuietForEverybody) {
  is_down_ = false;
  side_.answer = [this](const OutboxEntry&) {
    return side_.tries.size() == 1 ? failed(Verdict::kUnreachable, "cannot: too many", 1h)
                                   : DeliveryOutcome{};
  };
  decide("a");
  world_.advance(1s);
  decide("b");
  world_.advance(59min);
  EXPECT_THAT(side_.tries, SizeIs(1));

  world_.advance(10min);

  EXPECT_THAT(side_.effects, SizeIs(2));
}

}  // namespace
}  // namespace voicectl::runtime
