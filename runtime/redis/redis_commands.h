// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace voicectl {

/// Words of a command in the bytes that go to the server. Every word is sent with its length, so
/// that no text can end a command or begin another.
class RedisWords {
 public:
  void add(std::string_view text);

  std::size_t count() const { return count_; }
  std::string_view bytes() const { return {bytes_.data(), used_}; }

 private:
  friend class RedisCommands;

  /// Where the next so many bytes go, which count from now on.
  char* room(std::size_t bytes);

  /// Longer than what is used, so that it is not filled for each word before it is written.
  std::string bytes_;
  std::size_t used_ = 0;
  std::size_t count_ = 0;
};

/// Commands in the bytes that go to the server, one after the other.
class RedisCommands {
 public:
  RedisCommands& add(std::initializer_list<std::string_view> words);
  /// One command of these two and all of `words`.
  RedisCommands& add(std::string_view command, std::string_view key, const RedisWords& words);

  /// One command word by word. REQUIRES: exactly `words` calls of `word` follow.
  RedisCommands& begin(std::size_t words);
  RedisCommands& word(std::string_view text);

  /// Behind these, in their order.
  void append(const RedisCommands& others);

  std::size_t count() const { return count_; }
  std::string_view bytes() const { return words_.bytes(); }

  /// As new, but with the room that was made.
  void clear();
  std::size_t room() const { return words_.bytes_.size(); }

 private:
  void append(std::string_view bytes);

  RedisWords words_;
  std::size_t count_ = 0;
};

}  // namespace voicectl
