// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cli/output.h"

namespace voicectl {

/// The three streams, and what is at their other end. Results go to `out`, everything said to a
/// person about them to `err`.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  Palette out_palette{Palette::Mode::kOff};
  Palette err_palette{Palette::Mode::kOff};
  /// --no-input: nothing is asked, whoever is there.
  bool never_asks = false;
  /// Waits until something can be read from `in`, at most that long. Empty: `in` never waits.
  std::function<bool(Duration)> wait_for_input{};
  /// Runs each time that an answer has not come for as long as `pause`.
  std::function<void()> while_waiting{};
  Duration pause = std::chrono::seconds(10);
};

/// What may stand in for an answer at the terminal.
enum class Consent { kAsk, kGiven };

enum class Answer {
  kYes,
  kNo,
  kCannotAsk,  ///< nobody is there: standard input is no terminal, or --no-input was given
};

/// Why nobody can be asked; nullopt if somebody can.
std::optional<std::string_view> why_nobody_answers(const Console& console);

/// Tells a person at a terminal that something is being done, before it takes its time.
void say_at_once(Console& console, std::string_view what);

/// Asks "question [y/N]". When nobody can be asked, says which flag answers instead.
Answer ask_yes_no(Console& console, std::string_view question, Consent consent);

/// Asks for `word` to be typed, for what cannot be taken back.
///
/// `given` is what the flag --confirm said instead, or empty. Another word than `word` is kNo.
Answer ask_for_word(Console& console,
                    std::string_view question,
                    std::string_view word,
                    const std::string& given);

}  // namespace voicectl
