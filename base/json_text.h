// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  JsonText& text(std::string_view key, std::string_view value);
  JsonText& number(std::string_view key, std::int64_t value);
  JsonText& flag(std::string_view key, bool value);
  /// REQUIRES: `json` is a JSON value already; it is set in as it is.
  JsonText& json(std::string_view key, std::string_view json);

  /// The whole object; the writer is as new then.
  std::string take();

 private:
  void begin(std::string_view key);

  std::string out_;
};

/// Appends `text` as a JSON string, exactly as `dump_json` renders it.
void append_json_string(std::string& out, std::string_view text);

}  // namespace voicectl
