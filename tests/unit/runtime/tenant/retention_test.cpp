// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/retention.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/session/fake_session_store.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {
namespace {

class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    book_.open([](const Status& outcome) { ASSERT_THAT(outcome, IsOk()); });
    world_.settle();
  }

  /// A session that ended so long ago, with an event.
  void put(std::uint64_t number, std::chrono::days ago) {
    const TenantId tenant = *TenantId::parse("acme");
    Session session(make_session_id(tenant, "0123456789ab" + std::to_string(100'000 + number)),
                    tenant);
    session.status = SessionStatus::kCompleted;
    session.created_at = clock_.now() - ago;
    session.end_time = session.created_at;
    session.last_seq = 1;
    disk_.events.push_back(
        {session.session, 1, number, "session.created", session.created_at, "{}"});
    disk_.sessions.insert_or_assign(session.session.str(), session);
  }

  Retention make() {
    return Retention({world_, clock_, store_, book_, [this] { return periods_; }});
  }

  SimReactor world_;
  SimWallClock clock_{world_};
  SeededRandom random_{3};
  FakeStoreDisk disk_;
  FakeSessionStore store_{world_, disk_, FencingToken{1}};
  EventHub hub_;
  SessionBook book_{{world_, clock_, random_, store_, hub_, *InstanceId::parse("shared-0")},
                    {[](const Error&, std::optional<Duration>) {}, [](const StoreContents&) {}}};
  RetentionPeriods periods_;
};

TEST_F(RetentionTest, TakesAwayAThousandInSmallBatchesOverTime) {
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    put(i, std::chrono::days(500));
  }
  put(1001, std::chrono::days(1));
  const Retention retention = make();

  world_.advance(Retention::kInterval);
  world_.settle();
  EXPECT_EQ(disk_.sessions.size(), 1001U - Retention::kBatch);

  world_.advance(Retention::kPause * 20);

  EXPECT_EQ(disk_.sessions.size(), 1U);
  EXPECT_EQ(disk_.events.size(), 1U);
  EXPECT_EQ(disk_.usage.size(), 1000U) << "bills need it";
}

TEST_F(RetentionTest, KeepsWhatIsYoungerThanItsPeriod) {
  put(1, std::chrono::days(20));
  put(2, std::chrono::days(1));
  periods_ = {std::chrono::days(30), std::chrono::days(10), std::chrono::days(10)};
  const Retention retention = make();

  world_.advance(Retention::kInterval * 3);

  EXPECT_EQ(disk_.sessions.size(), 2U);
  EXPECT_EQ(disk_.events.size(), 1U) << "the older one's events are over";
}

TEST_F(RetentionTest, GoesOnAfterTheStoreFailed) {
  put(1, std::chrono::days(500));
  put(2, std::chrono::days(1));
  store_.fail_next_commit(Error(ErrorCode::kResourceExhausted, "cannot write: full"));
  const Retention retention = make();

  world_.advance(Retention::kInterval);
  EXPECT_EQ(disk_.sessions.size(), 2U);
  world_.advance(Retention::kInterval * 3);

  EXPECT_EQ(disk_.sessions.size(), 1U);
}

TEST_F(RetentionTest, TakesNewPeriodsAtTheNextLook) {
  put(1, std::chrono::days(20));
  put(2, std::chrono::days(1));
  const Retention retention = make();
  world_.advance(Retention::kInterval * 2);
  EXPECT_EQ(disk_.sessions.size(), 2U);

  periods_.sessions = periods_.events = std::chrono::days(7);
  world_.advance(Retention::kInterval * 2);

  EXPECT_EQ(disk_.sessions.size(), 1U);
}

}  // namespace
}  // namespace voicectl::runtime
