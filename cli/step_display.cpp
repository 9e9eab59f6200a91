// SPDX-License-Identifier: Apache-2.0
#include "cli/step_display.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cli/output.h"

namespace voicectl {
namespace {

/// A line that changes faster than this cannot be read.
constexpr std::chrono::milliseconds kBetweenLooks{200};
/// Before that a rate is a guess.
constexpr std::chrono::seconds kFirstRate{2};

constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kKinds = {{
    {"set_platform", "record the platform's settings"},
    {"install_key", "install a key"},
    {"create_tenant", "create a tenant"},
    {"update_tenant", "change a tenant"},
    {"delete_tenant", "delete a tenant"},
    {"prepare_tenant_data", "prepare a tenant's data"},
    {"retire_tenant_data", "set a tenant's data aside"},
    {"start_instance", "start an instance"},
    {"stop_instance", "stop an instance"},
    {"bind_listener", "bind a listener"},
    {"release_listener", "release a listener"},
    {"lend_listener", "lend a tenant to its instance"},
    {"reclaim_listener", "take a tenant back"},
    {"issue_certificate", "issue a certificate"},
    {"remove_certificate", "remove a certificate"},
    {"publish_edge", "publish the edge's configuration"},
    {"publish_route", "route a tenant"},
    {"withdraw_route", "withdraw a tenant's route"},
    {"record_wish", "record what the monitor wants"},
    {"retire_instance", "give an instance's name back"},
    {"set_programs", "name the program of an instance"},
    {"restore_files", "repair files"},
    {"end_process", "end a stray process"},
    {"record_adoption", "adopt what was found"},
}};

std::string words_for(const std::string& kind) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&kind](const auto& known) { return known.first == kind; });
  return found == kKinds.end() ? safe_for_terminal(kind) : std::string(found->second);
}

Color color_of(api::StepState state) {
  switch (state) {
    case api::StepState::kDone:
      return Color::kGood;
    case api::StepState::kFailed:
      return Color::kBad;
    case api::StepState::kSkipped:
    case api::StepState::kUndone:
      return Color::kWarning;
    case api::StepState::kRunning:
      return Color::kPlain;
  }
  return Color::kPlain;
}

/// Told beside the plan's steps, and counted nowhere.
bool is_beside(const api::StepProgress& step) {
  return step.kind == "rollout" || step.kind == "hook";
}

std::string progress_line(const api::StepProgress& step, const Palette& palette) {
  const std::string state = fmt::format("{:<7}", name_of(step.state));
  std::string took = step.state == api::StepState::kDone && step.took_ms > 0
                         ? format_duration(std::chrono::milliseconds(step.took_ms))
                         : "";
  if (const std::string moved = move_summary(step);
      step.state == api::StepState::kDone && !moved.empty()) {
    took += (took.empty() ? "" : "; ") + moved;
  }
  took = took.empty() ? "" : " (" + took + ")";
  const std::string error = step.error.empty() ? "" : ": " + step.error;
  const std::string note =
      step.note.empty() ? ""
                        : fmt::format("          {} {}\n", palette.paint(Color::kWarning, "note:"),
                                      safe_for_terminal(step.note));
  return fmt::format("  {} {}{}\n{}", palette.paint(color_of(step.state), state),
                     safe_for_terminal(step.text + error), took, note);
}

}  // namespace

StepDisplay::StepDisplay(Console& console,
                         std::ostream& to,
                         const Palette& palette,
                         const WallClock& clock)
    : console_(console), to_(to), palette_(palette), clock_(clock), moves_(console) {}

void StepDisplay::started(std::size_t steps) {
  steps_ = steps;
  begun_ = clock_.now();
}

void StepDisplay::hear(const api::StepProgress& step) {
  if (is_beside(step)) {
    batch_ = step.kind == "rollout" ? step.text : batch_;
    if (step.state != api::StepState::kRunning && (step.kind == "hook" || !is_large())) {
      tell(step);
    }
  } else if (step.state == api::StepState::kRunning) {
    if (step.move && !is_large()) {
      moves_.show(step);
    }
    return;
  } else {
    count(step);
    if (!is_large() || is_worth_a_line(step)) {
      tell(step);
    }
  }
  if (is_large()) {
    show_how_far();
  }
}

void StepDisplay::count(const api::StepProgress& step) {
  for (Count* const count : {&kinds_[step.kind], &all_}) {
    count->done += step.state == api::StepState::kDone ? 1 : 0;
    count->failed += step.state == api::StepState::kFailed ? 1 : 0;
    count->skipped += step.state == api::StepState::kSkipped ? 1 : 0;
  }
}

/// What was skipped hangs on a failure that has its line.
bool StepDisplay::is_worth_a_line(const api::StepProgress& step) {
  if (step.state == api::StepState::kUndone) {
    return true;
  }
  if (step.state != api::StepState::kFailed && step.note.empty()) {
    return false;
  }
  return ++failures_ <= kFailuresTold;
}

void StepDisplay::tell(const api::StepProgress& step) {
  clear();
  to_ << progress_line(step, palette_) << std::flush;
}

void StepDisplay::show_how_far() {
  const WallTime now = clock_.now();
  const std::size_t ended = all_.done + all_.failed + all_.skipped;
  const std::size_t tenth = ended * 10 / steps_;
  if (console_.err_is_terminal) {
    if (shown_at_ && now - *shown_at_ < kBetweenLooks && ended < steps_) {
      return;
    }
    clear();
    console_.err << how_far() << std::flush;
    is_line_open_ = true;
  } else if (tenth > shown_tenth_) {
    console_.err << how_far() << '\n' << std::flush;
  }
  shown_at_ = now;
  shown_tenth_ = std::max(tenth, shown_tenth_);
}

std::string StepDisplay::how_far() const {
  const std::size_t ended = all_.done + all_.failed + all_.skipped;
  std::string out = fmt::format("  {:>3}%    {} of {} steps", ended * 100 / steps_, ended, steps_);
  for (const auto& [count, what] :
       {std::pair(all_.failed, "failed"), std::pair(all_.skipped, "skipped")}) {
    out += count == 0 ? "" : fmt::format(", {} {}", count, what);
  }
  out += pace();
  return out + (batch_.empty() ? "" : "; " + safe_for_terminal(batch_));
}

std::string StepDisplay::pace() const {
  const std::size_t ended = all_.done + all_.failed + all_.skipped;
  const std::chrono::milliseconds passed = clock_.now() - begun_;
  // The calendar's time may jump, and what it says then is no rate.
  if (passed < kFirstRate || ended == 0 || ended >= steps_) {
    return "";
  }
  const double seconds = std::chrono::duration<double>(passed).count();
  const double rate = static_cast<double>(ended) / seconds;
  const std::chrono::seconds left(
      static_cast<std::int64_t>(static_cast<double>(steps_ - ended) / rate) + 1);
  return fmt::format(", {:.{}f}/s, about {} left", rate, rate < 10 ? 1 : 0, format_duration(left));
}

std::string StepDisplay::counts() const {
  if (!is_large()) {
    return "";
  }
  std::string out;
  if (failures_ > kFailuresTold) {
    out += fmt::format("  ... and {} more that failed or are incomplete: 'voicectl events'\n",
                       failures_ - kFailuresTold);
  }
  for (const auto& [kind, count] : kinds_) {
    out += fmt::format("  {:>6} done", count.done);
    out += count.failed == 0
               ? ""
               : palette_.paint(Color::kBad, fmt::format(", {} failed", count.failed));
    out += count.skipped == 0 ? "" : fmt::format(", {} skipped", count.skipped);
    out += fmt::format("  {}\n", words_for(kind));
  }
  return out;
}

void StepDisplay::clear() {
  moves_.clear();
  if (std::exchange(is_line_open_, false)) {
    console_.err << "\r\x1b[K" << std::flush;
  }
}

}  // namespace voicectl
