// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_reader.h"

#include <gmock/gmock.h>

#include <string>

#include "runtime/redis/redis_commands.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

constexpr std::string_view kAll =
    "+OK\r\n:42\r\n$-1\r\n$4\r\na\r\nb\r\n*2\r\n$0\r\n\r\n*1\r\n-ERR x\r\n";

TEST(RedisReaderTest, ReadsRepliesHoweverTheirBytesCome) {
  for (std::size_t step = 1; step <= kAll.size(); ++step) {
    RedisReader reader;
    std::vector<RedisReply> replies;
    for (std::size_t at = 0; at < kAll.size(); at += step) {
      ASSERT_THAT(reader.feed(kAll.substr(at, step)), IsOk());
      while (true) {
        Result<std::optional<RedisReply>> reply = reader.next();
        ASSERT_THAT(reply, IsOk());
        if (!*reply) {
          break;
        }
        replies.push_back(std::move(**reply));
      }
    }

    ASSERT_EQ(replies.size(), 5U) << "in pieces of " << step;
    EXPECT_EQ(replies[0].kind, RedisReply::Kind::kStatus);
    EXPECT_EQ(replies[1].integer, 42);
    EXPECT_TRUE(replies[2].is_nil());
    EXPECT_EQ(replies[3].text, "a\r\nb");
    ASSERT_EQ(replies[4].elements.size(), 2U);
    EXPECT_EQ(replies[4].elements[1].elements.front().text, "ERR x");
  }
}

TEST(RedisReaderTest, RefusesWhatIsNoReply) {
  RedisReader reader;
  ASSERT_THAT(reader.feed("HTTP/1.1 400 Bad Request\r\n\r\n"), IsOk());

  EXPECT_THAT(reader.next(), FailsWith(ErrorCode::kCorrupt));
}

TEST(RedisReaderTest, RefusesRepliesOverTheirBudget) {
  RedisReader bytes(RedisReplyBudget{.bytes = 100, .elements = 10});
  EXPECT_THAT(bytes.feed("$1000\r\n" + std::string(100, 'x')), FailsWith(ErrorCode::kCorrupt));

  RedisReader elements(RedisReplyBudget{.bytes = 100, .elements = 10});
  ASSERT_THAT(elements.feed("*1\r\n*2147483647\r\n"), IsOk());
  EXPECT_THAT(elements.next(), FailsWith(ErrorCode::kCorrupt));
}

TEST(RedisReaderTest, CountsOnlyTheReplyThatIsNotWholeYet) {
  RedisReader reader(RedisReplyBudget{.bytes = 20, .elements = 10});
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(reader.feed("$5\r\nhello\r\n"), IsOk());
    ASSERT_TRUE(reader.next()->has_value());
  }
}

TEST(RedisCommandsTest, SaysTheLengthOfEveryWord) {
  RedisCommands commands;
  commands.add({"GET", "a\r\nb"}).begin(2).word("PING").word("");

  EXPECT_EQ(commands.bytes(), "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*2\r\n$4\r\nPING\r\n$0\r\n\r\n");
  EXPECT_EQ(commands.count(), 2U);
}

TEST(RedisCommandsTest, MakesACommandOfWordsThatWereGathered) {
  RedisWords words;
  words.add("a");
  words.add(std::string(2000, 'x'));
  RedisCommands commands;
  commands.add("SADD", "key", words);

  RedisCommands same;
  same.add({"SADD", "key", "a", std::string(2000, 'x')});
  EXPECT_EQ(commands.bytes(), same.bytes());
  EXPECT_EQ(commands.count(), 1U);
}

TEST(RedisCommandsTest, IsAsNewOnceItWasCleared) {
  RedisCommands commands;
  commands.add({"SET", "key", std::string(2000, 'x')});
  const std::size_t room = commands.room();
  commands.clear();

  EXPECT_EQ(commands.count(), 0U);
  EXPECT_EQ(commands.bytes(), "");
  EXPECT_EQ(commands.room(), room);
  EXPECT_EQ(commands.add({"PING"}).bytes(), "*1\r\n$4\r\nPING\r\n");
}

}  // namespace
}  // namespace voicectl
