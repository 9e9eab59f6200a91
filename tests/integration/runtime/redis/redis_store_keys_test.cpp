// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "tests/integration/runtime/redis/redis_fixture.h"
#include "tests/support/random_seed.h"

namespace voicectl::runtime {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RedisLayout : public RedisFixture {
 protected:
  void SetUp() override { ASSERT_THAT(open(*store_), IsOk()); }

  std::int64_t calls_of(const std::string& command) {
    const std::string stats = console_.ask({"INFO", "commandstats"}).text;
    const std::size_t at = stats.find("cmdstat_" + command + ":calls=");
    return at == std::string::npos ? 0 : std::stol(stats.substr(stats.find('=', at) + 1));
  }

  std::string usage_key() const { return "usage:acme:" + usage_month(now_); }

  std::unique_ptr<RedisStore> store_ = make_store(1);
};

TEST_F(RedisLayout, PublishesASessionUnderItsPublicNamesForAnHour) {
  StoreBatch batch = with_event(1);
  batch.sessions.front().token_sha256 = "secret-hash";
  ASSERT_THAT(commit(*store_, batch), IsOk());
  const std::string key = "business:acme:session:" + batch.sessions.front().session.str();

  const Result<Json> session = parse_json(console_.ask({"GET", key}).text);
  const std::int64_t ttl = console_.ask({"TTL", key}).integer;

  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(string_or(*session, "ultravox_call_id", ""), "call-1");
  EXPECT_EQ(string_or(*session, "namespace", ""), "business:acme");
  EXPECT_FALSE(session->contains("token_sha256"));
  EXPECT_GT(ttl, 3500);
  EXPECT_LE(ttl, 3600);
}

TEST_F(RedisLayout, KeepsASessionWhosePublishedKeyIsGone) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  console_.ask({"DEL", "business:acme:session:" + a_session(1).session.str()});

  const auto found = outcome_of<std::optional<Session>>(
      [&](auto done) { store_->find_session(a_session(1).session, std::move(done)); });

  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ((*found)->session, a_session(1).session);
}

TEST_F(RedisLayout, KeepsAQuietSessionPublishedWhileItLives) {
  RedisStore store({loop_.reactor(), random_, server_.client_options(),
                    RedisKeys(*TenantId::parse("acme")), FencingToken{2}, nullptr, "",
                    std::chrono::milliseconds(10)});
  ASSERT_THAT(open(store), IsOk());
  ASSERT_THAT(commit(store, with_event(1)), IsOk());
  StoreBatch ended = with_event(2);
  ended.sessions.front().status = SessionStatus::kCompleted;
  ASSERT_THAT(commit(store, ended), IsOk());
  const std::string lives = "business:acme:session:" + a_session(1).session.str();
  const std::string is_over = "business:acme:session:" + a_session(2).session.str();
  console_.ask({"EXPIRE", lives, "100"});
  console_.ask({"EXPIRE", is_over, "100"});

  std::int64_t left = 0;
  for (int i = 0; i < 200 && left <= 100; ++i) {
    left = console_.ask({"TTL", lives}).integer;
  }
  EXPECT_GT(left, 3500);
  EXPECT_LE(console_.ask({"TTL", is_over}).integer, 100);
}

TEST_F(RedisLayout, KeepsFiftyTurnsOfAContextAcrossAKill) {
  Session session = a_session(1, SessionStatus::kActive);
  for (std::uint64_t i = 1; i <= 60; ++i) {
    session.tool_calls = i;
    session.last_tool_call = ToolCallRecord{"t" + std::to_string(i), "{}", "{}", now_};
    if (i == 30) {
      store_ = make_store(2);
      ASSERT_THAT(open(*store_), IsOk());
    }
    StoreBatch batch;
    batch.at = now_;
    batch.sessions = {session};
    ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());
  }

  const Result<Json> context =
      parse_json(console_.ask({"GET", "business:acme:context:" + session.session.str()}).text);

  ASSERT_THAT(context, IsOk());
  ASSERT_THAT((*context)["history"], SizeIs(50));
  EXPECT_EQ((*context)["history"].front()["tool"], "t11");
  EXPECT_EQ((*context)["history"].back()["tool"], "t60");
}

TEST_F(RedisLayout, KeepsTheTurnOfACallThatWasCountedWhenItBegan) {
  Session session = a_session(1, SessionStatus::kActive);
  for (const char* result : {"", R"({"n":1})", R"({"n":1})", R"({"n":2})"}) {
    session.tool_calls = 1;
    if (*result != '\0') {
      session.last_tool_call = ToolCallRecord{"placeOrder", "{}", result, now_};
    }
    StoreBatch batch;
    batch.at = now_;
    batch.sessions = {session};
    ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());
  }

  const Result<Json> context =
      parse_json(console_.ask({"GET", "business:acme:context:" + session.session.str()}).text);

  ASSERT_THAT(context, IsOk());
  ASSERT_THAT((*context)["history"], SizeIs(2));
  EXPECT_EQ((*context)["history"].front()["result"]["n"], 1);
  EXPECT_EQ((*context)["history"].back()["result"]["n"], 2);
}

TEST_F(RedisLayout, HasOneUsageRecordPerSessionHoweverOftenItIsWritten) {
  StoreBatch batch = with_event(1);
  batch.sessions.front().status = SessionStatus::kCompleted;
  for (const int seconds : {60, 66, 66}) {
    batch.sessions.front().billed_duration = std::chrono::seconds(seconds);
    ASSERT_THAT(commit(*store_, batch), IsOk());
    batch.events.clear();
  }
  // Another holder, who has to ask what the record was.
  store_ = make_store(2);
  ASSERT_THAT(open(*store_), IsOk());
  batch.sessions.front().billed_duration = std::chrono::seconds(72);
  ASSERT_THAT(commit(*store_, batch), IsOk());

  const RedisReply records = console_.ask({"LRANGE", usage_key(), "0", "-1"});

  ASSERT_THAT(records.elements, SizeIs(1));
  const Result<Json> record = parse_json(records.elements.front().text);
  EXPECT_EQ(integer_or(*record, "billed_duration", 0), 72);
  EXPECT_EQ(console_.ask({"GET", usage_key() + ":count"}).text, "1");
}

TEST_F(RedisLayout, CountsASessionThatFailsNoMore) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  StoreBatch failed;
  failed.at = now_;
  failed.sessions = {a_session(1, SessionStatus::kFailed)};
  ASSERT_THAT(commit(*store_, failed), IsOk());

  EXPECT_EQ(console_.ask({"GET", usage_key() + ":count"}).text, "0");
}

TEST_F(RedisLayout, WritesBatchesThatWaitInOneTransaction) {
  const std::int64_t before = calls_of("exec");
  for (std::uint64_t i = 1; i <= 100; ++i) {
    begin_commit(*store_, with_event(i));
  }
  loop_.run_until([this] { return outcomes_.back().has_value(); });

  for (const std::optional<Status>& outcome : outcomes_) {
    ASSERT_TRUE(outcome.has_value() && outcome->has_value());
  }
  EXPECT_EQ(calls_of("exec") - before, 2) << "the first alone, the others together";
}

TEST_F(RedisLayout, RefusesASecondOutboxEntryWithOneIdempotencyKey) {
  OutboxEntry entry;
  entry.id = 1;
  entry.idempotency_key = "same";
  StoreBatch first = with_event(1);
  first.outbox = {entry};
  ASSERT_THAT(commit(*store_, first), IsOk());
  store_ = make_store(2);
  ASSERT_THAT(open(*store_), IsOk());
  entry.id = 2;
  StoreBatch second = with_event(2);
  second.outbox = {entry};

  EXPECT_THAT(commit(*store_, second), FailsWith(ErrorCode::kAlreadyExists));
}

/// Texts that would matter to somebody who puts commands or names together.
class Hostile {
 public:
  explicit Hostile(SeededRandom random) : random_(random) {}

  std::string text() {
    static const std::string kParts[] = {":",
                                         "*",
                                         "?",
                                         "[",
                                         "]",
                                         "\\",
                                         "\r\n",
                                         "{",
                                         "}",
                                         "business:other:session:x",
                                         "usage:other:",
                                         "$3\r\nDEL\r\n",
                                         "a",
                                         "ü",
                                         std::string("\0", 1),
                                         " ",
                                         "\"",
                                         "\xff",
                                         "..",
                                         "%00"};
    std::string text;
    const std::uint64_t parts = random_.below(6);
    for (std::uint64_t i = 0; i < parts; ++i) {
      text += kParts[random_.below(std::size(kParts))];
    }
    return text;
  }

 private:
  SeededRandom random_;
};

StoreBatch hostile_batch(Hostile& hostile, StoreBatch batch, std::uint64_t number) {
  Session& session = batch.sessions.front();
  session.ultravox_call_id = hostile.text();
  session.customer_name = hostile.text();
  session.customer_phone = hostile.text();
  session.business_outcome = hostile.text();
  batch.events.front().type = hostile.text();
  batch.events.front().data = dump_json(hostile.text());
  batch.records = {
      {BusinessRecord::Kind::kOrder, hostile.text(), std::nullopt, hostile.text(), hostile.text()}};
  batch.inbox = {{hostile.text(), hostile.text(), hostile.text(), batch.at}};
  OutboxEntry entry;
  entry.id = number;
  entry.session = hostile.text();
  entry.kind = hostile.text();
  entry.idempotency_key = hostile.text() + std::to_string(number);
  entry.payload = hostile.text();
  batch.outbox = {entry};
  batch.customers = {{hostile.text(), hostile.text(), batch.at, batch.at, 1, hostile.text()}};
  batch.response = StoredResponse{hostile.text(), 200, hostile.text(), batch.at};
  return batch;
}

TEST_F(RedisLayout, WritesNoKeyButTheTenantsOwnWhateverItIsTold) {
  Hostile hostile(make_test_random());
  for (std::uint64_t i = 1; i <= 300; ++i) {
    begin_commit(*store_, hostile_batch(hostile, with_event(i), i));
    const std::string text = hostile.text();
    const auto read = [](const auto&) {};
    store_->find_session_by_call(text, read);
    store_->find_record(text, read);
    store_->find_customer(text, read);
    EXPECT_TRUE(TenantId::parse(text).has_error() ||
                text.find_first_not_of('a') == std::string::npos);
    EXPECT_TRUE(SessionId::parse(text).has_error());
    EXPECT_TRUE(SessionId::parse("acme_0123456789abcdef" + text).has_error() || text.empty() ||
                text.find_first_not_of('a') == std::string::npos);
  }
  loop_.run_until([this] { return outcomes_.back().has_value(); }, std::chrono::seconds(20));

  for (const std::optional<Status>& outcome : outcomes_) {
    ASSERT_TRUE(outcome.has_value() && outcome->has_value());
  }
  const std::vector<std::string> keys = console_.keys();
  EXPECT_GT(keys.size(), 600U);
  EXPECT_THAT(keys, Each(::testing::MatchesRegex("(business|usage):acme:[a-z0-9_:.-]+")));
  store_ = make_store(2);
  EXPECT_THAT(open(*store_), IsOk());
}

TEST_F(RedisLayout, ShowsATenantNothingOfAnEarlierOneOfItsName) {
  store_ = make_store(2, "acme", "first");
  ASSERT_THAT(open(*store_), IsOk());
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  const std::unique_ptr<RedisStore> same = make_store(3, "acme", "first");
  const std::unique_ptr<RedisStore> next = make_store(4, "acme", "second");

  EXPECT_THAT(open(*same), IsOk());
  const Result<StoreContents> contents = open(*next);
  ASSERT_THAT(contents, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(contents.error().text(), ::testing::HasSubstr("business:acme:owner"));
  EXPECT_THAT(commit(*same, with_event(2)), IsOk()) << "it was not taken over";
}

TEST_F(RedisLayout, ShowsATenantNothingOfOneWhoseNameBeginsAsItsOwn) {
  const std::unique_ptr<RedisStore> other = make_store(1, "acme-2");
  ASSERT_THAT(open(*other), IsOk());
  ASSERT_THAT(commit(*other, with_event(1, "acme-2")), IsOk());

  const Result<StoreContents> contents = open(*store_);
  const auto found = outcome_of<std::optional<Session>>(
      [&](auto done) { store_->find_session_by_call("call-1", std::move(done)); });

  ASSERT_THAT(contents, IsOk());
  EXPECT_THAT(contents->sessions, IsEmpty());
  EXPECT_THAT(event_numbers(*store_), IsEmpty());
  ASSERT_THAT(found, IsOk());
  EXPECT_FALSE(found->has_value());
}

}  // namespace
}  // namespace voicectl::runtime
