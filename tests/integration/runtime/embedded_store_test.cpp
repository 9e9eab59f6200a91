// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/embedded_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"
#include "tests/support/temp_dir.h"

namespace voicectl::runtime {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Counts how often work is handed to the disk.
class CountingOffload final : public Offload {
 public:
  explicit CountingOffload(Reactor& reactor) : inner_(reactor) {}
  void run(Reactor::Task work, Reactor::Task done) override {
    ++runs;
    inner_.run(std::move(work), std::move(done));
  }

  int runs = 0;

 private:
  SimOffload inner_;
};

class EmbeddedStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(open(store_), IsOk()); }

  Result<StoreContents> open(EmbeddedStore& store) {
    Result<StoreContents> contents = Error(ErrorCode::kInternal, "cannot open: not finished");
    store.open(now_, [&contents](Result<StoreContents> read) { contents = std::move(read); });
    loop_.settle();
    return contents;
  }

  EmbeddedStore another(std::uint64_t token) {
    return EmbeddedStore(folder_.path("tenant.db"), FencingToken{token}, offload_);
  }

  StoreBatch a_batch(std::uint64_t number, SessionStatus status = SessionStatus::kReady) {
    const TenantId tenant = *TenantId::parse("acme");
    Session session(make_session_id(tenant, "0123456789ab" + std::to_string(1000 + number)),
                    tenant);
    session.status = status;
    session.created_at = now_ + std::chrono::milliseconds(number);
    session.last_seq = 1;
    StoreBatch batch;
    batch.at = now_;
    batch.events = {{session.session, 1, number, "session.created", now_, "{}"}};
    batch.sessions.push_back(std::move(session));
    return batch;
  }

  void commit(EmbeddedStore& store, StoreBatch batch) {
    store.commit(std::move(batch), [this](const Status& outcome) { outcomes_.push_back(outcome); });
  }

  TempDir folder_;
  SimReactor loop_;
  CountingOffload offload_{loop_};
  const WallTime now_ = FixedWallClock().now();
  std::vector<Status> outcomes_;
  EmbeddedStore store_ = another(1);
};

TEST_F(EmbeddedStoreTest, KeepsItsFileToItself) {
  struct stat found {};

  ASSERT_EQ(::stat(folder_.path("tenant.db").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(EmbeddedStoreTest, WritesWhatComesDuringACommitTogether) {
  const int before = offload_.runs;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    commit(store_, a_batch(i));
  }
  loop_.settle();

  EXPECT_THAT(outcomes_, SizeIs(50));
  EXPECT_THAT(outcomes_, Each(IsOk()));
  EXPECT_EQ(offload_.runs - before, 2);
}

TEST_F(EmbeddedStoreTest, FindsEverythingAgainAfterAKill) {
  StoreBatch batch = a_batch(1);
  batch.records.push_back(
      {BusinessRecord::Kind::kAppointment, "appt-1",
       Booking{"appt-1", now_ + std::chrono::hours(1), now_ + std::chrono::hours(2)}, "{}"});
  batch.response = StoredResponse{"POST /x 1", 201, "{}", now_};
  batch.inbox.push_back({"call-1", "call.joined", "{}", now_});
  commit(store_, std::move(batch));
  commit(store_, a_batch(2, SessionStatus::kFailed));
  loop_.settle();

  EmbeddedStore reopened = another(2);
  const Result<StoreContents> contents = open(reopened);

  ASSERT_THAT(contents, IsOk());
  EXPECT_THAT(contents->sessions, SizeIs(1));
  EXPECT_THAT(contents->bookings, SizeIs(1));
  EXPECT_THAT(contents->responses, SizeIs(1));
  EXPECT_EQ(contents->last_tenant_seq, 2U);
  EXPECT_EQ(contents->sessions_this_month, 1U);
}

TEST_F(EmbeddedStoreTest, RefusesAnOlderToken) {
  EmbeddedStore newer = another(7);
  ASSERT_THAT(open(newer), IsOk());
  EmbeddedStore older = another(6);

  EXPECT_THAT(open(older), FailsWith(ErrorCode::kFenced));
}

TEST_F(EmbeddedStoreTest, WritesNothingOnceItWasTakenOver) {
  EmbeddedStore newer = another(2);
  ASSERT_THAT(open(newer), IsOk());

  commit(store_, a_batch(1));
  loop_.settle();

  EXPECT_THAT(outcomes_, ElementsAre(FailsWith(ErrorCode::kFenced)));
  EXPECT_THAT(open(newer)->sessions, IsEmpty());
}

TEST_F(EmbeddedStoreTest, FailsEverythingBehindAFailedCommitUntilItIsOpenedAgain) {
  commit(store_, a_batch(1));
  loop_.settle();
  StoreBatch same_event_again = a_batch(1);
  commit(store_, std::move(same_event_again));
  commit(store_, a_batch(2));
  loop_.settle();
  ASSERT_THAT(outcomes_, SizeIs(3));
  EXPECT_FALSE(outcomes_[1].has_value());
  EXPECT_FALSE(outcomes_[2].has_value());

  const Result<StoreContents> contents = open(store_);
  commit(store_, a_batch(2));
  loop_.settle();

  EXPECT_THAT(contents->sessions, SizeIs(1));
  EXPECT_THAT(outcomes_.back(), IsOk());
}

TEST_F(EmbeddedStoreTest, ReadsEventsBehindANumber) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    commit(store_, a_batch(i));
  }
  loop_.settle();
  std::vector<SessionEvent> events;

  store_.read_tenant_events(
      2, 2, [&events](const Result<std::vector<SessionEvent>>& read) { events = *read; });
  loop_.settle();

  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].tenant_seq, 3U);
}

TEST_F(EmbeddedStoreTest, PagesSessionsNewestFirst) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    commit(store_, a_batch(i));
  }
  loop_.settle();
  std::vector<std::string> seen;
  SessionQuery query{std::nullopt, "", 2};
  do {
    store_.list_sessions(query, [&](const Result<SessionPage>& page) {
      for (const Session& session : page->sessions) {
        seen.push_back(session.session.str().substr(17));
      }
      query.after = page->next;
    });
    loop_.settle();
  } while (!query.after.empty());

  EXPECT_THAT(seen, ElementsAre("1005", "1004", "1003", "1002", "1001"));
}

TEST_F(EmbeddedStoreTest, RefusesACursorOfSomebodyElse) {
  std::optional<Result<SessionPage>> page;
  store_.list_sessions({std::nullopt, "x'; DROP TABLE sessions", 2},
                       [&page](Result<SessionPage> read) { page.emplace(std::move(read)); });
  loop_.settle();

  EXPECT_THAT(*page, FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(EmbeddedStoreTest, FinishesItsWritesBeforeItCloses) {
  commit(store_, a_batch(1));
  bool closed = false;
  store_.close([&closed] { closed = true; });
  loop_.settle();
  EXPECT_TRUE(closed);

  commit(store_, a_batch(2));
  loop_.settle();

  EXPECT_THAT(outcomes_, ElementsAre(IsOk(), FailsWith(ErrorCode::kUnavailable)));
}

}  // namespace
}  // namespace voicectl::runtime
