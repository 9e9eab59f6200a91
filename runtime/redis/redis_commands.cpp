// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_commands.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace voicectl {
namespace {

/// A number with the mark in front of it and the line's end.
constexpr std::size_t kMostHead = 24;

char* write_head(char* to, char mark, std::size_t value) {
  *to++ = mark;
  to = std::to_chars(to, to + kMostHead - 3, value).ptr;
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

}  // namespace

char* RedisWords::room(std::size_t bytes) {
  const std::size_t needed = used_ + bytes;
  if (bytes_.size() < needed) {
    constexpr std::size_t kFirst = 512;
    bytes_.resize(std::max({kFirst, needed, 2 * bytes_.size()}));
  }
  return bytes_.data() + used_;
}

void RedisWords::add(std::string_view text) {
  char* const begin = room(kMostHead + text.size() + 2);
  char* to = write_head(begin, '$', text.size());
  to = std::copy(text.begin(), text.end(), to);
  *to++ = '\r';
  *to++ = '\n';
  used_ += static_cast<std::size_t>(to - begin);
  ++count_;
}

RedisCommands& RedisCommands::add(std::initializer_list<std::string_view> words) {
  begin(words.size());
  for (const std::string_view text : words) {
    word(text);
  }
  return *this;
}

RedisCommands& RedisCommands::add(std::string_view command,
                                  std::string_view key,
                                  const RedisWords& words) {
  begin(2 + words.count()).word(command).word(key);
  append(words.bytes());
  return *this;
}

RedisCommands& RedisCommands::begin(std::size_t words) {
  ++count_;
  char* const at = words_.room(kMostHead);
  words_.used_ += static_cast<std::size_t>(write_head(at, '*', words) - at);
  return *this;
}

RedisCommands& RedisCommands::word(std::string_view text) {
  words_.add(text);
  return *this;
}

void RedisCommands::append(std::string_view bytes) {
  std::copy(bytes.begin(), bytes.end(), words_.room(bytes.size()));
  words_.used_ += bytes.size();
}

void RedisCommands::append(const RedisCommands& others) {
  append(others.bytes());
  count_ += others.count_;
}

void RedisCommands::clear() {
  words_.used_ = 0;
  words_.count_ = 0;
  count_ = 0;
}

}  // namespace voicectl
