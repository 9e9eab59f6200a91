// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/event_log.h"

#include <gmock/gmock.h>

#include "tests/support/keeping_sink.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class EventLogTest : public ::testing::Test {
 protected:
  EventLogTest() {
    events_.follow(
        [this](const EventRecord& event) { told_.emplace_back(event.number, event.name); });
  }
  void fail_with(ErrorCode code) { store_->failure = Error(code, "cannot write"); }

  SimReactor sim_;
  SimOffload offload_{sim_};
  std::shared_ptr<RegistryStore> store_ = std::make_shared<RegistryStore>();
  std::unique_ptr<Registry> registry_ = open_memory_registry(store_);
  RegistryQueue queue_{*registry_, offload_};
  KeepingSink sink_;
  SimWallClock wall_{sim_};
  Log log_{sink_, wall_};
  EventLog events_{sim_, queue_, wall_, log_};
  std::vector<std::pair<std::int64_t, std::string>> told_;
};

TEST_F(EventLogTest, WhatAFullDiskDoesNotTakeIsKeptUntilItDoes) {
  fail_with(ErrorCode::kResourceExhausted);
  events_.add("tenant.created", "tenant/acme");
  sim_.settle();
  events_.add("tenant.updated", "tenant/acme");
  sim_.advance(60s);
  EXPECT_THAT(told_, IsEmpty());

  store_->failure.reset();
  sim_.advance(10s);
  events_.add("tenant.deleted", "tenant/acme");
  sim_.settle();

  EXPECT_THAT(told_, ElementsAre(Pair(1, "tenant.created"), Pair(2, "tenant.updated"),
                                 Pair(3, "tenant.deleted")));
}

TEST_F(EventLogTest, OfMoreThanItKeepsTheOldestAreLostAndThatIsAnEvent) {
  fail_with(ErrorCode::kResourceExhausted);
  for (std::size_t i = 0; i < kMostEventsWaiting + 7; ++i) {
    events_.add(i < 7 ? "too.old" : "kept", "daemon");
  }
  sim_.advance(60s);

  store_->failure.reset();
  sim_.advance(10s);

  ASSERT_THAT(told_, SizeIs(kMostEventsWaiting + 1));
  EXPECT_EQ(told_.front().second, "kept");
  EXPECT_EQ(told_.back().second, "events.lost");
}

TEST_F(EventLogTest, WhatTheRegistryRefusesForGoodKeepsNothingBack) {
  fail_with(ErrorCode::kInvalidArgument);
  events_.add("odd", "daemon");
  sim_.settle();
  store_->failure.reset();

  events_.add("even", "daemon");
  sim_.settle();

  EXPECT_THAT(told_, ElementsAre(Pair(1, "even"), Pair(2, "events.lost")));
}

TEST_F(EventLogTest, WhatWaitsWhenTheDaemonEndsIsTold) {
  {
    EventLog ending(sim_, queue_, wall_, log_);
    fail_with(ErrorCode::kResourceExhausted);
    ending.add("late", "daemon");
    sim_.settle();
  }

  EXPECT_THAT(sink_.lines, Contains(AllOf(HasSubstr("events.lost"), HasSubstr("count=1"))));
}

TEST_F(EventLogTest, ADaemonThatANewerOneReplacedTriesNoMore) {
  fail_with(ErrorCode::kFenced);
  events_.add("late", "daemon");
  sim_.advance(60s);
  store_->failure.reset();
  sim_.advance(60s);

  EXPECT_THAT(told_, IsEmpty());
}

}  // namespace
}  // namespace voicectl
