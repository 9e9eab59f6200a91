// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/embedded_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "runtime/session/tenant_schema.h"
#include "runtime/session/tenant_writers.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/session/contract_session_store.h"
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

TEST_F(EmbeddedStoreTest, LetsAnotherTenantWaitForFewOfItsReads) {
  EmbeddedStore other(folder_.path("other.db"), FencingToken{1}, offload_);
  ASSERT_THAT(open(other), IsOk());
  int answered = 0;
  int before_the_other = -1;

  for (int i = 0; i < 50; ++i) {
    store_.list_sessions({}, [&](const Result<SessionPage>&) { ++answered; });
  }
  other.list_sessions({}, [&](const Result<SessionPage>&) { before_the_other = answered; });
  loop_.settle();

  EXPECT_EQ(before_the_other, 2);
  EXPECT_EQ(answered, 50);
}

TEST_F(EmbeddedStoreTest, AnswersTheReadsThatWaitBeforeItCloses) {
  int answered = 0;
  int answered_at_close = -1;

  for (int i = 0; i < 50; ++i) {
    store_.list_sessions({}, [&](const Result<SessionPage>& page) {
      EXPECT_THAT(page, IsOk());
      ++answered;
    });
  }
  store_.close([&] { answered_at_close = answered; });
  loop_.settle();

  EXPECT_EQ(answered_at_close, 50);
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

TEST_F(EmbeddedStoreTest, BringsAFileOfTheFirstVersionUpToDate) {
  const std::string path = folder_.path("old.db");
  {
    SqliteDatabase old = SqliteDatabase::open(path).value();
    ASSERT_THAT(old.migrate(tenant_schema().first(1)), IsOk());
    const Session session = a_batch(1, SessionStatus::kCompleted).sessions.front();
    SqliteStatement insert =
        old.prepare("INSERT INTO sessions VALUES (?, 'completed', ?, ?, '', ?)").value();
    const std::int64_t at = stored_time(session.created_at);
    ASSERT_THAT(insert.bind(1, session.session.str())
                    .bind(2, at)
                    .bind(3, at)
                    .bind(4, to_stored_text(session))
                    .run(),
                IsOk());
    ASSERT_THAT(old.run("INSERT INTO appointments VALUES ('appt-1', '" + session.session.str() +
                        "', 1, '{}', 1, 9999999999999)"),
                IsOk());
  }
  EmbeddedStore store(path, FencingToken{1}, offload_);

  const Result<StoreContents> contents = open(store);

  ASSERT_THAT(contents, IsOk());
  EXPECT_THAT(contents->bookings, SizeIs(1));
  EXPECT_EQ(contents->sessions_this_month, 1U);
}

class EmbeddedStoreWorld final : public SessionStoreWorld {
 public:
  std::unique_ptr<SessionStore> make(FencingToken token) override {
    return std::make_unique<EmbeddedStore>(folder_.path("tenant.db"), token, offload_);
  }
  void run_until(const std::function<bool()>& done) override {
    loop_.settle();
    ASSERT_TRUE(done());
  }

 private:
  TempDir folder_;
  SimReactor loop_;
  SimOffload offload_{loop_};
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(EmbeddedStore,
                         SessionStoreContract,
                         ::testing::Values(+[]() -> std::unique_ptr<SessionStoreWorld> {
                           return std::make_unique<EmbeddedStoreWorld>();
                         }));

}  // namespace voicectl::runtime
