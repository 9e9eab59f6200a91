// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace voicectl {

/// Writes one JSON object as text, member by member, in the order given.
///
/// For what is written often: a tree of values (base/json.h) that becomes text and is dropped costs
/// twenty times as much. Keys are ours: without quotes, backslashes and control characters, each
/// once.
class JsonText {
 public:
  /// Room for `first_size` bytes is made at once: with more it grows.
  explicit JsonText(std::size_t first_size = 240) : first_size_(first_size) {}

  JsonText& text(std::string_view key, std::string_view value);
  JsonText& number(std::string_view key, std::int64_t value);
  JsonText& flag(std::string_view key, bool value);
  /// REQUIRES: `json` is a JSON value already; it is set in as it is.
  JsonText& json(std::string_view key, std::string_view json);

  /// What follows is of an object that is a member, until `end_object`.
  JsonText& begin_object(std::string_view key);
  JsonText& end_object() { return end('}'); }
  /// An array of objects: each begins with `begin_item` and ends with `end_object`.
  JsonText& begin_array(std::string_view key);
  JsonText& begin_item();
  JsonText& end_array() { return end(']'); }

  /// The whole object; the writer is as new then. REQUIRES: what was begun was ended.
  std::string take();

 private:
  /// Where the next so many bytes go. They count when `end_at` says so.
  char* room(std::size_t bytes);
  /// Writes the key, with room for a value of so many bytes behind it.
  char* begin_member(std::string_view key, std::size_t value);
  JsonText& end_at(const char* end);
  JsonText& end(char bracket);

  std::size_t first_size_;
  std::size_t used_ = 0;
  /// Longer than what is used, so that it is not filled and cut for each member.
  std::string out_;
};

/// Appends `text` as a JSON string, exactly as `dump_json` renders it.
void append_json_string(std::string& out, std::string_view text);

}  // namespace voicectl
