// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_commands.h"

#include <charconv>
#include <cstring>

namespace voicectl {

RedisCommands& RedisCommands::add(std::initializer_list<std::string_view> words) {
  begin(words.size());
  for (const std::string_view text : words) {
    word(text);
  }
  return *this;
}

RedisCommands& RedisCommands::begin(std::size_t words) {
  ++count_;
  number('*', words);
  return *this;
}

RedisCommands& RedisCommands::word(std::string_view text) {
  char head[24] = "$";
  char* end = std::to_chars(head + 1, head + sizeof head, text.size()).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const auto size = static_cast<std::size_t>(end - head);
  const std::size_t before = bytes_.size();
  bytes_.resize(before + size + text.size() + 2);
  char* const to = bytes_.data() + before;
  std::memcpy(to, head, size);
  std::memcpy(to + size, text.data(), text.size());
  std::memcpy(to + size + text.size(), "\r\n", 2);
  return *this;
}

void RedisCommands::append(const RedisCommands& others) {
  bytes_ += others.bytes_;
  count_ += others.count_;
}

void RedisCommands::number(char mark, std::size_t value) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  bytes_ += mark;
  bytes_.append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
}

}  // namespace voicectl
