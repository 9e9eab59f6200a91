// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voicectl {

/// A command for a host, as words. It becomes a line of shell in one place only, so that no value
/// is ever read as anything but itself.
struct RemoteCommand {
  /// The program and its arguments. REQUIRES: not empty.
  std::vector<std::string> words;
  /// Given to its standard input.
  std::string input{};
  friend bool operator==(const RemoteCommand&, const RemoteCommand&) = default;
};

/// The line that makes a POSIX shell run exactly these words.
/// ERRORS: kInvalidArgument for no words, or a word with a zero byte, which no argument can hold.
Result<std::string> render_for_shell(const RemoteCommand& command);

/// The words for people. Not for a shell.
std::string describe(const RemoteCommand& command);

}  // namespace voicectl
