// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session_book.h"

#include <gmock/gmock.h>

#include "runtime/session/tenant_database.h"
#include "tests/support/matchers.h"
#include "tests/support/session/fake_session_store.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionBookTest : public ::testing::Test {
 protected:
  SessionBookTest() {
    book_.open([](const Status& outcome) { ASSERT_THAT(outcome, IsOk()); });
    loop_.settle();
  }

  static Session a_session(const std::string& random_part = "0123456789abcdef") {
    const TenantId tenant = *TenantId::parse("acme");
    Session session(make_session_id(tenant, random_part), tenant);
    session.created_at = SimWallClock::kStart;
    return session;
  }

  static Change with_event(Session session) {
    Change change;
    change.session = std::move(session);
    change.events = {{EventType::kSessionCreated, "{}"}};
    return change;
  }

  void commit(Change change) {
    book_.commit(std::move(change),
                 [this](const Status& outcome) { outcomes_.push_back(outcome); });
  }

  SimReactor loop_;
  SimWallClock clock_{loop_};
  SeededRandom random_{1};
  FakeStoreDisk disk_;
  FakeSessionStore store_{loop_, disk_, FencingToken{1}};
  EventHub hub_;
  std::vector<std::string> broken_;
  int opened_ = 0;
  std::vector<Status> outcomes_;
  SessionBook book_{{loop_, clock_, random_, store_, hub_, *InstanceId::parse("shared-0")},
                    {[this](const Error& error, std::optional<Duration>) {
                       broken_.emplace_back(name_of(error.code()));
                     },
                     [this](const StoreContents&) { ++opened_; }}};
};

TEST_F(SessionBookTest, NumbersEventsPerSessionAndPerTenant) {
  commit(with_event(a_session()));
  commit(with_event(a_session("fedcba9876543210")));
  loop_.settle();
  commit(with_event(*book_.find(a_session().session)));
  loop_.settle();

  std::vector<std::pair<std::uint64_t, std::uint64_t>> numbers;
  for (const SessionEvent& event : store_.events()) {
    numbers.emplace_back(event.seq, event.tenant_seq);
  }
  EXPECT_THAT(numbers, ElementsAre(std::pair(1, 1), std::pair(1, 2), std::pair(2, 3)));
}

TEST_F(SessionBookTest, PassesEventsOnOnlyWhenTheyAreDurable) {
  std::vector<std::uint64_t> seen;
  const auto listening = hub_.listen_to_tenant(
      [&seen](std::uint64_t seq, const std::string&, const SessionEvent&) { seen.push_back(seq); });

  commit(with_event(a_session()));
  EXPECT_THAT(seen, IsEmpty());
  loop_.settle();

  EXPECT_THAT(seen, ElementsAre(1));
  EXPECT_EQ(book_.event_lag().events, 1U);
}

TEST_F(SessionBookTest, DropsWhatNeverBecameDurable) {
  store_.fail_next_commit(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"));

  commit(with_event(a_session()));
  loop_.settle();

  EXPECT_THAT(outcomes_, ElementsAre(FailsWith(ErrorCode::kResourceExhausted)));
  EXPECT_EQ(book_.find(a_session().session), nullptr);
  EXPECT_THAT(broken_, ElementsAre("resource_exhausted"));
  ASSERT_TRUE(book_.broken());
}

TEST_F(SessionBookTest, RefusesChangesUntilTheStoreOpensAgain) {
  store_.fail_next_commit(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"));
  store_.fail_open(Error(ErrorCode::kUnavailable, "cannot open"));
  commit(with_event(a_session()));
  loop_.settle();

  commit(with_event(a_session()));
  loop_.advance(seconds(2));
  EXPECT_THAT(outcomes_.back(), FailsWith(ErrorCode::kResourceExhausted));
  store_.fail_open(std::nullopt);
  loop_.advance(seconds(10));
  commit(with_event(a_session()));
  loop_.settle();

  EXPECT_THAT(outcomes_.back(), IsOk());
  EXPECT_EQ(opened_, 2);
  EXPECT_EQ(store_.events().back().seq, 1U);
}

TEST_F(SessionBookTest, OpensOnceWhenItIsAskedWhileATryIsDue) {
  store_.fail_next_commit(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"));
  commit(with_event(a_session()));
  loop_.settle();

  book_.suspend(Error(ErrorCode::kUnavailable, "cannot change: it moves"));
  loop_.advance(seconds(60));
  EXPECT_EQ(opened_, 1);  // whoever gets the store must not find us at work in it
  book_.reopen([](const Status& outcome) { EXPECT_THAT(outcome, IsOk()); });
  loop_.settle();
  commit(with_event(a_session()));
  loop_.advance(seconds(60));

  EXPECT_EQ(opened_, 2);
  EXPECT_THAT(outcomes_.back(), IsOk());
}

TEST_F(SessionBookTest, StaysSuspendedWhenAnOpeningEndsMeanwhile) {
  store_.fail_next_commit(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"));
  commit(with_event(a_session()));
  loop_.settle();
  book_.reopen([](const Status&) {});

  book_.suspend(Error(ErrorCode::kUnavailable, "cannot change: it moves"));
  loop_.settle();

  EXPECT_EQ(opened_, 1);
  EXPECT_TRUE(book_.broken());
}

TEST_F(SessionBookTest, TriesOneAtATimeHoweverOftenItFails) {
  store_.fail_next_commit(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"));
  store_.fail_open(Error(ErrorCode::kUnavailable, "cannot open"));
  commit(with_event(a_session()));
  loop_.settle();
  for (int i = 0; i < 5; ++i) {
    book_.reopen([](const Status&) {});
    loop_.settle();
  }
  const std::size_t before = broken_.size();
  store_.fail_open(std::nullopt);

  loop_.advance(seconds(60));

  EXPECT_EQ(opened_, 2);
  EXPECT_EQ(broken_.size(), before);
}

TEST_F(SessionBookTest, DoesNotFightForAStoreThatAnotherTookOver) {
  store_.fail_next_commit(Error(ErrorCode::kFenced, "cannot write: token 2 has been there"));
  commit(with_event(a_session()));
  loop_.advance(std::chrono::hours(1));

  EXPECT_EQ(opened_, 1);
  EXPECT_THAT(broken_, ElementsAre("fenced"));
}

TEST_F(SessionBookTest, FindsEndedSessionsInTheStore) {
  Session session = a_session();
  commit(with_event(session));
  loop_.settle();
  std::optional<Session> found;

  book_.fetch(session.session,
              [&found](const Result<std::optional<Session>>& read) { found = *read; });
  loop_.settle();

  ASSERT_TRUE(found);
  EXPECT_EQ(found->last_seq, 1U);
}

TEST_F(SessionBookTest, CountsSessionsOfTheMonthThatDidNotFail) {
  commit(with_event(a_session()));
  commit(with_event(a_session("fedcba9876543210")));
  EXPECT_EQ(book_.sessions_this_month(), 2U);

  Session failed = *book_.find(a_session().session);
  failed.status = SessionStatus::kFailed;
  commit(with_event(failed));
  EXPECT_EQ(book_.sessions_this_month(), 1U);

  loop_.advance(std::chrono::hours(24 * 31));
  EXPECT_EQ(book_.sessions_this_month(), 0U);
}

TEST(MonthStartTest, IsMidnightOfTheFirst) {
  const WallTime start = month_start(SimWallClock::kStart + std::chrono::hours(24 * 40));

  EXPECT_EQ(format_wall_time(start), "2026-02-01T00:00:00.000Z");
}

}  // namespace
}  // namespace voicectl::runtime
