// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_difference.h"

#include <fmt/core.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/plan_printer.h"

namespace voicectl {
namespace {

/// What a step is about. A subject may have several steps of one kind.
using StepName = std::pair<std::string, std::string>;

StepName name_of_step(const Json& step) {
  return {string_or(step, "kind", ""), string_or(step, "subject", "")};
}

bool says_the_same(const Json& a, const Json& b) {
  return string_or(a, "text", "") == string_or(b, "text", "") &&
         string_or(a, "reason", "") == string_or(b, "reason", "");
}

std::string step_line(const Json& step) {
  return fmt::format("{} {}", string_or(step, "symbol", " "),
                     safe_for_terminal(string_or(step, "text", "?")));
}

std::string section(std::string_view title,
                    const std::vector<Json>& steps,
                    const Palette& palette,
                    Color color) {
  std::string out;
  for (const Json& step : steps) {
    out += out.empty() ? fmt::format("  {}\n", title) : "";
    out += "    " + palette.paint(color, step_line(step)) + "\n";
  }
  return out;
}

}  // namespace

bool PlanDifference::empty() const {
  return removed.empty() && added.empty() && changed.empty();
}

PlanDifference compare_plans(const Json& before, const Json& after) {
  // First what is the same on both sides, so that an insertion shifts nothing.
  std::map<StepName, std::deque<Json>> old_steps;
  for (const Json& step : steps_of(before)) {
    old_steps[name_of_step(step)].push_back(step);
  }
  std::vector<Json> unmatched;
  for (const Json& step : steps_of(after)) {
    std::deque<Json>& known = old_steps[name_of_step(step)];
    const auto same = std::find_if(known.begin(), known.end(),
                                   [&](const Json& old) { return says_the_same(old, step); });
    if (same == known.end()) {
      unmatched.push_back(step);
    } else {
      known.erase(same);
    }
  }
  PlanDifference out;
  for (Json& step : unmatched) {
    std::deque<Json>& known = old_steps[name_of_step(step)];
    if (known.empty()) {
      out.added.push_back(std::move(step));
    } else {
      out.changed.emplace_back(std::move(known.front()), std::move(step));
      known.pop_front();
    }
  }
  for (auto& [name, left] : old_steps) {
    out.removed.insert(out.removed.end(), left.begin(), left.end());
  }
  return out;
}

std::string print_difference(const PlanDifference& difference, const Palette& palette) {
  if (difference.empty()) {
    return "  The steps are the same, but the state that they were planned for is another one.\n";
  }
  std::string out = section("Not to be done any more:", difference.removed, palette, Color::kBad) +
                    section("To be done now:", difference.added, palette, Color::kGood);
  for (const auto& [before, after] : difference.changed) {
    out += &after == &difference.changed.front().second ? "  Otherwise than before:\n" : "";
    const bool is_other_text = string_or(before, "text", "") != string_or(after, "text", "");
    out += "    " + palette.paint(Color::kWarning, step_line(after)) + "\n";
    out += fmt::format(
        "        {}: {}\n", is_other_text ? "before" : "because",
        safe_for_terminal(is_other_text ? string_or(before, "text", "?")
                                        : string_or(after, "reason", "?") +
                                              ", before: " + string_or(before, "reason", "?")));
  }
  return out;
}

Json render_difference(const PlanDifference& difference) {
  Json changed = Json::array();
  for (const auto& [before, after] : difference.changed) {
    changed.push_back({{"before", before}, {"after", after}});
  }
  return {{"removed", difference.removed}, {"added", difference.added}, {"changed", changed}};
}

}  // namespace voicectl
