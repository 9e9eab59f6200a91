// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_client.h"

#include <gmock/gmock.h>

#include <optional>
#include <string>

#include "tests/support/matchers.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

class RedisClientTest : public ::testing::Test {
 protected:
  RedisClient make_client() { return make_client(server_.client_options()); }
  RedisClient make_client(RedisOptions options) {
    return RedisClient(loop_.reactor(), random_, std::move(options));
  }

  RedisAnswer ask(RedisClient& client,
                  RedisCommands commands,
                  std::optional<std::uint64_t> connection = {}) {
    std::optional<RedisAnswer> answer;
    client.send(
        std::move(commands), [&answer](RedisAnswer got) { answer.emplace(std::move(got)); },
        connection);
    EXPECT_FALSE(answer.has_value()) << "a completion belongs to a later turn";
    loop_.run_until([&answer] { return answer.has_value(); }, std::chrono::seconds(20));
    return answer
               ? std::move(*answer)
               : RedisAnswer{{}, RedisFailure{Error(ErrorCode::kInternal, "cannot wait"), {}}, 0};
  }

  /// Asks until there is an answer, for questions that only frame the case: a loaded machine may
  /// need longer for them than the case allows to the one that it is about.
  RedisAnswer ask_until_answered(RedisClient& client, const RedisCommands& commands) {
    for (int tries = 0; tries < 100; ++tries) {
      RedisAnswer answer = ask(client, commands);
      if (!answer.failure) {
        return answer;
      }
    }
    ADD_FAILURE() << "the server never answered";
    return {};
  }

  RedisServer server_;
  RealLoop loop_;
  SeededRandom random_{5};
};

TEST_F(RedisClientTest, BringsTheRepliesInTheOrderOfTheCommands) {
  RedisClient client = make_client();

  const RedisAnswer answer = ask(client, RedisCommands()
                                             .add({"SET", "k", "v"})
                                             .add({"GET", "k"})
                                             .add({"INCR", "n"})
                                             .add({"GET", "none"})
                                             .add({"NOSUCH"})
                                             .add({"KEYS", "*"}));

  ASSERT_FALSE(answer.failure.has_value());
  ASSERT_EQ(answer.replies.size(), 6U);
  EXPECT_EQ(answer.replies[0].text, "OK");
  EXPECT_EQ(answer.replies[1].text, "v");
  EXPECT_EQ(answer.replies[2].integer, 1);
  EXPECT_TRUE(answer.replies[3].is_nil());
  EXPECT_TRUE(answer.replies[4].is_error());
  EXPECT_EQ(answer.replies[5].elements.size(), 2U);
}

TEST_F(RedisClientTest, KeepsEveryByteOfALargeValue) {
  RedisClient client = make_client();
  std::string value = std::string("\r\n$5\r\n\0*", 8);
  while (value.size() < (std::size_t{4} << 20)) {
    value += value;
  }

  const RedisAnswer answer =
      ask(client, RedisCommands().add({"SET", "k", value}).add({"GET", "k"}));

  ASSERT_FALSE(answer.failure.has_value());
  EXPECT_TRUE(answer.replies[1].text == value);
}

TEST_F(RedisClientTest, UsesTheDatabaseOfTheAddress) {
  RedisOptions options = server_.client_options();
  options.address.database = 3;
  RedisClient client = make_client(options);
  ask(client, RedisCommands().add({"SET", "k", "v"}));
  RedisClient first = make_client();

  EXPECT_TRUE(ask(first, RedisCommands().add({"GET", "k"})).replies.front().is_nil());
  EXPECT_EQ(ask(client, RedisCommands().add({"GET", "k"})).replies.front().text, "v");
}

TEST_F(RedisClientTest, RefusesADatabaseThatIsNotThere) {
  RedisOptions options = server_.client_options();
  options.address.database = 4000;
  RedisClient client = make_client(options);

  const RedisAnswer answer = ask(client, RedisCommands().add({"PING"}));

  ASSERT_TRUE(answer.failure.has_value());
  EXPECT_THAT(answer.failure->error.text(), HasSubstr("DB index is out of range"));
  EXPECT_EQ(answer.failure->effect, RedisEffect::kNone);
}

TEST_F(RedisClientTest, ConnectsAgainAndSaysThatItIsAnotherConnection) {
  RedisClient client = make_client();
  const RedisAnswer before = ask(client, RedisCommands().add({"PING"}));
  server_.kill();
  server_.start();

  const RedisAnswer after = ask(client, RedisCommands().add({"PING"}));
  // The loss may be noticed only by this very request; then the next one goes through.
  const RedisAnswer again = after.failure ? ask(client, RedisCommands().add({"PING"})) : after;
  const RedisAnswer on_old = ask(client, RedisCommands().add({"PING"}), before.connection);

  ASSERT_FALSE(again.failure.has_value());
  EXPECT_NE(again.connection, before.connection);
  ASSERT_TRUE(on_old.failure.has_value());
  EXPECT_EQ(on_old.failure->effect, RedisEffect::kNone);
}

TEST_F(RedisClientTest, SaysThatAnEffectIsUnknownWhenTheServerDiesWithIt) {
  RedisClient client = make_client();
  ask(client, RedisCommands().add({"PING"}));
  server_.freeze();
  std::optional<RedisAnswer> answer;
  client.send(RedisCommands().add({"INCR", "n"}),
              [&answer](RedisAnswer got) { answer.emplace(std::move(got)); });
  server_.kill();

  loop_.run_until([&answer] { return answer.has_value(); });

  ASSERT_TRUE(answer.has_value() && answer->failure.has_value());
  EXPECT_EQ(answer->failure->error.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(answer->failure->effect, RedisEffect::kUnknown);
}

TEST_F(RedisClientTest, GivesUpAConnectionThatDoesNotAnswerInTime) {
  RedisOptions options = server_.client_options();
  options.answer_timeout = std::chrono::milliseconds(100);
  RedisClient client = make_client(options);
  // Without a connection the question would never leave, and its effect would be known.
  const RedisAnswer before = ask_until_answered(client, RedisCommands().add({"PING"}));
  server_.freeze();

  const RedisAnswer late = ask(client, RedisCommands().add({"INCR", "n"}));
  server_.thaw();
  const RedisAnswer next = ask_until_answered(client, RedisCommands().add({"PING"}));

  ASSERT_TRUE(late.failure.has_value());
  EXPECT_EQ(late.failure->error.code(), ErrorCode::kTimeout);
  EXPECT_EQ(late.failure->effect, RedisEffect::kUnknown);
  ASSERT_FALSE(next.replies.empty());
  EXPECT_EQ(next.replies.front().text, "PONG");
  EXPECT_NE(next.connection, before.connection);
}

TEST_F(RedisClientTest, TriesUntilTheTimeIsOverWhenNobodyListens) {
  server_.kill();
  RedisOptions options = server_.client_options();
  options.answer_timeout = std::chrono::milliseconds(100);
  RedisClient client = make_client(options);

  const RedisAnswer answer = ask(client, RedisCommands().add({"PING"}));

  ASSERT_TRUE(answer.failure.has_value());
  EXPECT_EQ(answer.failure->error.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(answer.failure->effect, RedisEffect::kNone);
}

TEST_F(RedisClientTest, FindsOutThatThereIsNoSuchHost) {
  RedisOptions options = server_.client_options();
  options.address = RedisAddress{};
  options.address.host = "no-such-host.invalid";
  options.answer_timeout = std::chrono::milliseconds(300);
  RedisClient client = make_client(options);

  const RedisAnswer answer = ask(client, RedisCommands().add({"PING"}));

  ASSERT_TRUE(answer.failure.has_value());
  EXPECT_THAT(answer.failure->error.text(), HasSubstr("no-such-host.invalid"));
}

TEST_F(RedisClientTest, HoldsNoMoreThanItsQueueMayHave) {
  server_.freeze();
  RedisOptions options = server_.client_options();
  options.queue_bytes = 1000;
  RedisClient client = make_client(options);
  int refused = 0;
  int answered = 0;
  for (int i = 0; i < 20; ++i) {
    client.send(RedisCommands().add({"SET", "k", std::string(100, 'x')}),
                [&refused, &answered](const RedisAnswer& answer) {
                  ++answered;
                  refused += answer.failure ? 1 : 0;
                });
  }
  server_.thaw();
  loop_.run_until([&answered] { return answered == 20; });

  EXPECT_EQ(answered, 20);
  EXPECT_GT(refused, 10);
  EXPECT_LT(refused, 20);
}

TEST_F(RedisClientTest, CallsNobodyAfterItsDeath) {
  auto client = std::make_unique<RedisClient>(loop_.reactor(), random_, server_.client_options());
  bool was_called = false;
  client->send(RedisCommands().add({"PING"}),
               [&was_called](const RedisAnswer&) { was_called = true; });
  client.reset();

  loop_.run_for(std::chrono::milliseconds(100));

  EXPECT_FALSE(was_called);
}

}  // namespace
}  // namespace voicectl
