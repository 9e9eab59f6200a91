// SPDX-License-Identifier: Apache-2.0
#include "runtime/archive/blocking_redis.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace voicectl::runtime {
namespace {

constexpr std::string_view kPage = "1000";

}  // namespace

BlockingRedis::BlockingRedis(RedisOptions options)
    : client_(reactor_, random_, std::move(options)) {}

Result<BlockingRedis::Replies> BlockingRedis::ask(RedisCommands commands) {
  if (commands.count() == 0) {
    return Replies();
  }
  std::optional<RedisAnswer> answer;
  client_.send(std::move(commands), [this, &answer](RedisAnswer got) {
    answer.emplace(std::move(got));
    reactor_.stop();
  });
  reactor_.run();
  if (answer->failure) {
    return answer->failure->error;
  }
  if (const RedisReply* refusal = first_error(answer->replies)) {
    return error_of_reply(*refusal, "work on the Redis server");
  }
  return std::move(answer->replies);
}

Result<RedisReply> BlockingRedis::ask_one(std::initializer_list<std::string_view> words) {
  VC_TRY(Replies replies, ask(RedisCommands().add(words)));
  return std::move(replies.front());
}

Result<std::vector<std::string>> BlockingRedis::keys(const std::string& beginning) {
  std::vector<std::string> names;
  std::string cursor = "0";
  do {
    VC_TRY(const RedisReply page,
           ask_one({"SCAN", cursor, "MATCH", beginning + "*", "COUNT", kPage}));
    cursor = page.elements.at(0).text;
    for (const RedisReply& name : page.elements.at(1).elements) {
      names.push_back(name.text);
    }
  } while (cursor != "0");
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<std::vector<std::pair<std::string, std::string>>> BlockingRedis::hash(
    const std::string& key) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string cursor = "0";
  do {
    VC_TRY(const RedisReply page, ask_one({"HSCAN", key, cursor, "COUNT", kPage}));
    cursor = page.elements.at(0).text;
    const std::vector<RedisReply>& found = page.elements.at(1).elements;
    for (std::size_t i = 0; i + 1 < found.size(); i += 2) {
      pairs.emplace_back(found[i].text, found[i + 1].text);
    }
  } while (cursor != "0");
  // A page may show again what an earlier one had.
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return pairs;
}

}  // namespace voicectl::runtime
