// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace voicectl {

/// Commands in the bytes that go to the server, one after the other. Every word is sent with its
/// length, so that no text can end a command or begin another.
class RedisCommands {
 public:
  RedisCommands& add(std::initializer_list<std::string_view> words);

  /// One command word by word. REQUIRES: exactly `words` calls of `word` follow.
  RedisCommands& begin(std::size_t words);
  RedisCommands& word(std::string_view text);

  /// Behind these, in their order.
  void append(const RedisCommands& others);

  std::size_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }
  /// Leaves only the count behind.
  std::string take_bytes() { return std::exchange(bytes_, std::string()); }

 private:
  void number(char mark, std::size_t value);

  std::string bytes_;
  std::size_t count_ = 0;
};

}  // namespace voicectl
