// SPDX-License-Identifier: Apache-2.0
#include "playbooks/remote_command.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace voicectl {
namespace {

/// Characters that mean themselves anywhere in a word. "=" is not among them: in the first word it
/// would be an assignment; nor is "~", which would become a folder.
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+-";

/// Words that a shell would take for itself if they stood first.
constexpr std::array<std::string_view, 13> kReserved = {"case", "do",    "done", "elif", "else",
                                                        "esac", "fi",    "for",  "if",   "in",
                                                        "then", "until", "while"};

bool is_plain(std::string_view word) {
  return !word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos &&
         std::find(kReserved.begin(), kReserved.end(), word) == kReserved.end();
}

std::string quote(std::string_view word) {
  if (is_plain(word)) {
    return std::string(word);
  }
  std::string out = "'";
  for (const char c : word) {
    // Nothing is special between single quotes, and a single quote cannot stand there.
    out += c == '\'' ? std::string_view("'\\''") : std::string_view(&c, 1);
  }
  return out + "'";
}

}  // namespace

Result<std::string> render_for_shell(const RemoteCommand& command) {
  if (command.words.empty()) {
    return Error(ErrorCode::kInvalidArgument, "cannot run a command without words");
  }
  std::string line;
  for (const std::string& word : command.words) {
    if (word.find('\0') != std::string::npos) {
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("cannot run '{}': an argument has a zero byte", command.words.front()));
    }
    line += line.empty() ? "" : " ";
    line += quote(word);
  }
  return line;
}

std::string describe(const RemoteCommand& command) {
  return fmt::format("{}", fmt::join(command.words, " "));
}

}  // namespace voicectl
