// SPDX-License-Identifier: Apache-2.0
#include "cli/console.h"

#include <fmt/core.h>

#include <istream>
#include <ostream>

#include "cli/interrupt.h"

namespace voicectl {
namespace {

std::string read_answer(Console& console, std::string_view question) {
  const MomentScope asking(Moment::kAsking);
  console.err << question << ' ' << std::flush;
  while (console.wait_for_input && !console.wait_for_input(console.pause)) {
    if (console.while_waiting) {
      console.while_waiting();
    }
  }
  std::string answer;
  std::getline(console.in, answer);
  return answer;
}

}  // namespace

std::optional<std::string_view> why_nobody_answers(const Console& console) {
  if (console.never_asks) {
    return "--no-input was given";
  }
  return console.in_is_terminal ? std::nullopt
                                : std::optional<std::string_view>("standard input is no terminal");
}

void say_at_once(Console& console, std::string_view what) {
  if (console.err_is_terminal) {
    console.err << what << '\n' << std::flush;
  }
}

Answer ask_yes_no(Console& console, std::string_view question, Consent consent) {
  if (consent == Consent::kGiven) {
    return Answer::kYes;
  }
  if (const auto why = why_nobody_answers(console)) {
    console.err << fmt::format("voicectl: cannot ask for confirmation: {}; add --yes\n", *why);
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
  if (const auto why = why_nobody_answers(console)) {
    console.err << fmt::format("voicectl: cannot ask for confirmation: {}; add --confirm={}\n",
                               *why, word);
    return Answer::kCannotAsk;
  }
  const std::string answer =
      read_answer(console, fmt::format("{} Type '{}' to go on:", question, word));
  return answer == word ? Answer::kYes : Answer::kNo;
}

}  // namespace voicectl
