// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/integration/runtime/redis/redis_fixture.h"

namespace voicectl::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::uint64_t> up_to(std::uint64_t last) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 1; i <= last; ++i) {
    numbers.push_back(i);
  }
  return numbers;
}

class RedisFaults : public RedisFixture {
 protected:
  explicit RedisFaults(std::vector<std::string> options = {}) : RedisFixture(std::move(options)) {}
  void SetUp() override { ASSERT_THAT(open(*store_), IsOk()); }

  std::unique_ptr<RedisStore> store_ = make_store(1);
};

class RedisFaultsOnDisk : public RedisFaults {
 protected:
  RedisFaultsOnDisk() : RedisFaults({"--appendonly", "yes", "--appendfsync", "always"}) {}
};

TEST_F(RedisFaultsOnDisk, GoesOnAfterTheServerWasKilledWhileNothingWasAsked) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  server_.kill();
  server_.start();

  EXPECT_THAT(commit(*store_, with_event(2)), IsOk());

  EXPECT_EQ(event_numbers(*store_), up_to(2));
}

TEST_F(RedisFaultsOnDisk, DoublesAndLosesNothingWhenTheServerIsKilledInTheMiddle) {
  std::uint64_t last = 0;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 5; ++i) {
      ASSERT_THAT(commit(*store_, with_event(++last)), IsOk());
    }
    const std::size_t place = begin_commit(*store_, with_event(++last));
    // The bytes are in the server's hands; how far it came, each round may decide otherwise.
    server_.kill();
    server_.start();
    ASSERT_TRUE(
        loop_.run_until([&] { return outcomes_[place].has_value(); }, std::chrono::seconds(20)));
    ASSERT_THAT(*outcomes_[place], IsOk());
  }

  EXPECT_EQ(event_numbers(*store_), up_to(last));
  const auto usage = outcome_of<UsageTotal>(
      [&](Completion<UsageTotal> done) { store_->read_usage(now_, std::move(done)); });
  EXPECT_EQ(usage->sessions, last);
  EXPECT_EQ(
      console_.ask({"GET", RedisKeys(*TenantId::parse("acme")).usage_count(usage_month(now_))})
          .text,
      std::to_string(last));
}

TEST_F(RedisFaultsOnDisk, FailsClearlyWhileTheServerIsAwayAndOpensAgainWhenItIsBack) {
  RedisOptions options = server_.client_options();
  options.answer_timeout = std::chrono::milliseconds(200);
  RedisStore store({loop_.reactor(), random_, options, RedisKeys(*TenantId::parse("acme")),
                    FencingToken{2}, nullptr});
  ASSERT_THAT(open(store), IsOk());
  ASSERT_THAT(commit(store, with_event(1)), IsOk());
  server_.kill();

  EXPECT_THAT(commit(store, with_event(2)), FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(commit(store, with_event(3)), FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(open(store), FailsWith(ErrorCode::kUnavailable));

  server_.start();
  const std::unique_ptr<RedisStore> again = make_store(2);
  const Result<StoreContents> contents = open(*again);
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->last_tenant_seq, 1U);
}

TEST_F(RedisFaults, WaitsForAServerThatIsSlow) {
  console_.ask({"PING"});
  std::optional<RedisAnswer> slept;
  RedisClient sleeper(loop_.reactor(), random_, server_.client_options());
  sleeper.send(RedisCommands().add({"DEBUG", "SLEEP", "0.3"}),
               [&slept](RedisAnswer answer) { slept.emplace(std::move(answer)); });
  loop_.run_for(std::chrono::milliseconds(20));  // until the server is at it
  const MonoTime before = loop_.reactor().now();

  EXPECT_THAT(commit(*store_, with_event(1)), IsOk());

  EXPECT_GE(loop_.reactor().now() - before, std::chrono::milliseconds(100));
  loop_.run_until([&slept] { return slept.has_value(); });
  EXPECT_FALSE(slept->failure.has_value());
}

TEST_F(RedisFaults, DoesNotWriteLateWhatItHasGivenUp) {
  RedisOptions options = server_.client_options();
  options.answer_timeout = std::chrono::milliseconds(150);
  RedisStore store({loop_.reactor(), random_, options, RedisKeys(*TenantId::parse("acme")),
                    FencingToken{2}, nullptr});
  ASSERT_THAT(open(store), IsOk());
  ASSERT_THAT(commit(store, with_event(1)), IsOk());
  server_.freeze();
  const Status given_up = commit(store, with_event(2));
  server_.thaw();

  ASSERT_TRUE(given_up.has_error());
  const std::unique_ptr<RedisStore> again = make_store(2);
  const Result<StoreContents> contents = open(*again);

  // The server may have carried it out when it woke up, but only before we looked.
  ASSERT_THAT(contents, IsOk());
  const std::uint64_t last = contents->last_tenant_seq;
  ASSERT_THAT(commit(*again, with_event(last + 1)), IsOk());
  EXPECT_EQ(event_numbers(*again), up_to(last + 1));
}

TEST_F(RedisFaults, EndsCleanlyWhenEverythingIsFlushedUnderIt) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  console_.ask({"FLUSHALL"});

  const Status outcome = commit(*store_, with_event(2));
  const Result<StoreContents> contents = open(*store_);

  EXPECT_THAT(outcome, FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(outcome.error().text(), HasSubstr("has lost data"));
  ASSERT_THAT(contents, IsOk());
  EXPECT_THAT(contents->sessions, IsEmpty());
  EXPECT_THAT(commit(*store_, with_event(1)), IsOk());
  EXPECT_EQ(event_numbers(*store_), up_to(1));
}

TEST_F(RedisFaults, NoticesThatTheServerCameBackWithoutItsData) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  server_.kill();  // without an append-only file
  server_.start();

  EXPECT_THAT(commit(*store_, with_event(2)), FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(open(*store_), IsOk());
}

TEST_F(RedisFaults, NoticesThatTheServerCameBackWithOldData) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  const std::string fence = console_.ask({"GET", "business:acme:fence"}).text;
  ASSERT_THAT(commit(*store_, with_event(2)), IsOk());
  ASSERT_THAT(commit(*store_, with_event(3)), IsOk());
  // As a replica that had not heard of the last two and became the primary.
  console_.ask({"SET", "business:acme:fence", fence});

  EXPECT_THAT(commit(*store_, with_event(4)), FailsWith(ErrorCode::kUnavailable));
}

TEST_F(RedisFaults, RefusesAKeyOfAnotherTypeAndNamesIt) {
  console_.ask({"DEL", "business:acme:records"});
  console_.ask({"RPUSH", "business:acme:records", "x"});
  const std::unique_ptr<RedisStore> next = make_store(2);

  const Result<StoreContents> contents = open(*next);

  ASSERT_THAT(contents, FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(contents.error().text(), HasSubstr("business:acme:records"));
}

TEST_F(RedisFaults, WritesNothingOfABatchWhenAKeyChangesItsTypeMeanwhile) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  console_.ask({"DEL", "business:acme:calls"});
  console_.ask({"RPUSH", "business:acme:calls", "x"});

  EXPECT_THAT(commit(*store_, with_event(2)), FailsWith(ErrorCode::kCorrupt));

  EXPECT_EQ(console_.ask({"XLEN", "business:acme:events"}).integer, 1);
  EXPECT_EQ(console_.ask({"HLEN", "business:acme:sessions"}).integer, 1);
}

TEST_F(RedisFaults, SaysThatTheServerIsFullAndWritesNothing) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  console_.ask({"CONFIG", "SET", "maxmemory", "1"});

  EXPECT_THAT(commit(*store_, with_event(2)), FailsWith(ErrorCode::kResourceExhausted));

  console_.ask({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_THAT(open(*store_), IsOk());
  EXPECT_EQ(event_numbers(*store_), up_to(1));
  EXPECT_THAT(commit(*store_, with_event(2)), IsOk());
}

TEST_F(RedisFaults, WarnsOnceOfWhatTheServerPutsAtRisk) {
  ASSERT_THAT(open(*store_), IsOk());

  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("appendonly is off")));
}

TEST_F(RedisFaultsOnDisk, WarnsOfNothingWhenTheServerKeepsItsWord) {
  EXPECT_THAT(warnings_, IsEmpty());
}

class RedisWithPassword : public RedisFixture {
 protected:
  RedisWithPassword() : RedisFixture({"--requirepass", "hunter2"}) {}

  Result<StoreContents> open_as(const std::string& user, const std::string& password) {
    RedisOptions options = server_.client_options();
    options.address.user = user;
    options.address.password = Secret(password);
    store_ = std::make_unique<RedisStore>(RedisStore::Deps{loop_.reactor(), random_, options,
                                                           RedisKeys(*TenantId::parse("acme")),
                                                           FencingToken{1}, nullptr});
    return open(*store_);
  }

  std::unique_ptr<RedisStore> store_;
};

TEST_F(RedisWithPassword, OpensWithTheRightOneOnly) {
  const Result<StoreContents> wrong = open_as("", "hunter3");
  const Result<StoreContents> none = open_as("", "");
  const Result<StoreContents> right = open_as("", "hunter2");

  ASSERT_THAT(wrong, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(wrong.error().text(), Not(HasSubstr("hunter")));
  EXPECT_THAT(none, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(right, IsOk());
}

TEST_F(RedisWithPassword, WorksForAUserWhoMayReachOneTenantOnlyAndNoConfiguration) {
  ASSERT_THAT(open_as("", "hunter2"), IsOk());
  RedisOptions options = server_.client_options();
  options.address.password = Secret("hunter2");
  RedisClient admin(loop_.reactor(), random_, options);
  std::optional<RedisAnswer> answer;
  admin.send(RedisCommands().add({"ACL", "SETUSER", "acme", "on", ">pw", "~business:acme:*",
                                  "~usage:acme:*", "+@all", "-@admin", "-@dangerous", "+client"}),
             [&answer](RedisAnswer got) { answer.emplace(std::move(got)); });
  loop_.run_until([&answer] { return answer.has_value(); });

  ASSERT_THAT(open_as("acme", "pw"), IsOk());
  EXPECT_THAT(commit(*store_, with_event(1)), IsOk());

  RedisStore foreign({loop_.reactor(), random_,
                      [&] {
                        RedisOptions as_acme = server_.client_options();
                        as_acme.address.user = "acme";
                        as_acme.address.password = Secret("pw");
                        return as_acme;
                      }(),
                      RedisKeys(*TenantId::parse("other")), FencingToken{1}, nullptr});
  EXPECT_THAT(open(foreign), FailsWith(ErrorCode::kPermissionDenied));
}

}  // namespace
}  // namespace voicectl::runtime
