// SPDX-License-Identifier: Apache-2.0
#include "cli/console.h"

#include <fmt/core.h>

#include <istream>
#include <ostream>

namespace voicectl {
namespace {

std::string read_answer(Console& console, std::string_view question) {
  console.err << question << ' ' << std::flush;
  std::string answer;
  std::getline(console.in, answer);
  return answer;
}

}  // namespace

Answer ask_yes_no(Console& console, std::string_view question, Consent consent) {
  if (consent == Consent::kGiven) {
    return Answer::kYes;
  }
  if (!console.in_is_terminal) {
    console.err << "voicectl: cannot ask for confirmation: standard input is no terminal; add "
                   "--yes\n";
    return Answer::kCannotAsk;
  }
  const std::string answer = read_answer(console, fmt::format("{} [y/N]", question));
  return answer == "y" || answer == "Y" || answer == "yes" ? Answer::kYes : Answer::kNo;
}

Answer ask_for_word(Console& console,
                    std::string_view question,
                    std::string_view word,
                    const std::string& given) {
  if (!given.empty() && given != word) {
    console.err << fmt::format(
        "voicectl: cannot go on: found --confirm={}, needed is "
        "--confirm={}\n",
        safe_for_terminal(given), word);
  }
  if (!given.empty()) {
    return given == word ? Answer::kYes : Answer::kNo;
  }
  if (!console.in_is_terminal) {
    console.err << fmt::format(
        "voicectl: cannot ask for confirmation: standard input is no "
        "terminal; add --confirm={}\n",
        word);
    return Answer::kCannotAsk;
  }
  const std::string answer =
      read_answer(console, fmt::format("{} Type '{}' to go on:", question, word));
  return answer == word ? Answer::kYes : Answer::kNo;
}

}  // namespace voicectl
