// SPDX-License-Identifier: Apache-2.0
#include "cli/move_progress.h"

#include <fmt/core.h>

#include <ostream>
#include <string_view>

#include "base/clock.h"

namespace voicectl {
namespace {

/// What the two instances do in that phase, as a person would say it.
std::string_view words_for(std::string_view phase) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"offering", "asking the other instance"}, {"copying", "copying connections"},
      {"quiescing", "finishing requests"},       {"releasing", "closing the store"},
      {"opening", "opening the store"},          {"catching up", "copying what has changed"},
      {"withdrawing", "taking it back"},         {"moved", "moved"},
      {"stayed", "stays where it was"},          {"lent", "moved, its WebSockets come again"}};
  for (const auto& [name, words] : kWords) {
    if (name == phase) {
      return words;
    }
  }
  return phase;
}

}  // namespace

std::string tenant_of(const api::StepProgress& step) {
  constexpr std::string_view kKind = "tenant/";
  return step.subject.starts_with(kKind) ? step.subject.substr(kKind.size()) : step.subject;
}

std::string pause_text(std::int64_t microseconds) {
  constexpr std::int64_t kSecond = 1'000'000;
  return microseconds < kSecond ? fmt::format("{:.1f}ms", static_cast<double>(microseconds) / 1000)
                                : format_duration(std::chrono::microseconds(microseconds));
}

std::string move_summary(const api::StepProgress& step) {
  if (!step.move) {
    return "";
  }
  const api::MoveProgress& move = *step.move;
  if (move.phase != "moved") {
    return std::string(words_for(move.phase));
  }
  std::string out = fmt::format("{} connection{}, stood still for {}", move.connections,
                                move.connections == 1 ? "" : "s", pause_text(move.pause_us));
  if (move.dropped > 0) {
    out += fmt::format(", {} dropped", move.dropped);
  }
  return out;
}

void MoveDisplay::show(const api::StepProgress& step) {
  const api::MoveProgress& move = *step.move;
  const std::string tenant = tenant_of(step);
  Shown& shown = shown_[tenant];
  const int tenth = move.percent / 10;
  if (!console_.err_is_terminal && shown.phase == move.phase && shown.tenth == tenth) {
    return;
  }
  shown = {move.phase, tenth};
  const std::string copied =
      move.phase == "copying" ? fmt::format(", {} of {}", move.copied, move.connections) : "";
  const std::string line = safe_for_terminal(
      fmt::format("  {:>3}%    {}: {}{}", move.percent, tenant, words_for(move.phase), copied));
  clear();
  console_.err << line << (console_.err_is_terminal ? "" : "\n") << std::flush;
  is_line_open_ = console_.err_is_terminal;
}

void MoveDisplay::clear() {
  if (is_line_open_) {
    console_.err << "\r\x1b[K" << std::flush;
    is_line_open_ = false;
  }
}

}  // namespace voicectl
