// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_printer.h"

#include <fmt/core.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/effect_printer.h"
#include "cli/ownership_printer.h"
#include "cli/rollout_flags.h"

namespace voicectl {
namespace {

constexpr std::array kParts = {
    SummaryPart{"tenants_created", "tenant to create", "tenants to create"},
    SummaryPart{"tenants_changed", "tenant to change", "tenants to change"},
    SummaryPart{"tenants_moved", "tenant to move", "tenants to move"},
    SummaryPart{"tenants_deleted", "tenant to delete", "tenants to delete"},
    SummaryPart{"instances_started", "instance to start", "instances to start"},
    SummaryPart{"instances_stopped", "instance to stop", "instances to stop"},
    SummaryPart{"edge_reloads", "nginx reload", "nginx reloads"},
    SummaryPart{"certificates", "certificate to issue", "certificates to issue"},
};

/// A plan of more steps than these is shown in part: of each kind so many.
constexpr std::size_t kMostStepsInWhole = 200;
constexpr std::size_t kShownOfAKind = 10;

Color color_of(const std::string& symbol) {
  if (symbol == "+") {
    return Color::kGood;
  }
  if (symbol == "-") {
    return Color::kBad;
  }
  return symbol == "~" || symbol == ">" ? Color::kWarning : Color::kPlain;
}

std::string print_step(const Json& step, const Palette& palette, Reasons reasons) {
  const std::string symbol = string_or(step, "symbol", " ");
  std::string out = fmt::format("  {} {}\n", palette.paint(color_of(symbol), symbol),
                                safe_for_terminal(string_or(step, "text", "?")));
  if (const std::string why = string_or(step, "reason", "");
      reasons == Reasons::kShow && !why.empty()) {
    out += "      " + palette.paint(Color::kFaint, "because " + safe_for_terminal(why)) + "\n";
  }
  return out;
}

std::string print_every_step(const Json& plan, const Palette& palette, Reasons reasons) {
  std::string out;
  for (const Json& step : steps_of(plan)) {
    out += print_step(step, palette, reasons);
  }
  return out;
}

/// By kind, in the order in which they come: what nobody would read to the end is counted. Who is
/// deleted is named all the same.
std::string print_steps_in_part(const Json& plan, const Palette& palette) {
  std::vector<std::string> kinds;
  std::map<std::string, std::vector<const Json*>> by_kind;
  for (const Json& step : steps_of(plan)) {
    const std::string kind = string_or(step, "kind", "?");
    std::vector<const Json*>& of_kind = by_kind[kind];
    if (of_kind.empty()) {
      kinds.push_back(kind);
    }
    of_kind.push_back(&step);
  }
  std::string out;
  for (const std::string& kind : kinds) {
    const std::vector<const Json*>& steps = by_kind.at(kind);
    // One more than fits is shown: a line that says so would take its place.
    const bool is_whole = kind == "delete_tenant" || steps.size() <= kShownOfAKind + 1;
    const std::size_t shown = is_whole ? steps.size() : kShownOfAKind;
    for (std::size_t i = 0; i < shown; ++i) {
      out += print_step(*steps[i], palette, Reasons::kHide);
    }
    if (shown < steps.size()) {
      out +=
          palette.paint(Color::kFaint, fmt::format("    and {} more of these ({})",
                                                   steps.size() - shown, safe_for_terminal(kind))) +
          "\n";
    }
  }
  return out + "\n" +
         palette.paint(Color::kFaint,
                       "  The steps are shown in part; plan -o json has all of them.") +
         "\n";
}

}  // namespace

std::span<const SummaryPart> summary_parts() {
  return kParts;
}

const Json& steps_of(const Json& plan) {
  static const Json none = Json::array();
  const auto found = plan.is_object() ? plan.find("steps") : plan.end();
  return found != plan.end() && found->is_array() ? *found : none;
}

std::size_t count_steps(const Json& plan) {
  return steps_of(plan).size();
}

std::size_t summary_count(const Json& plan, std::string_view key) {
  const auto summary = plan.is_object() ? plan.find("summary") : plan.end();
  return summary == plan.end() || !summary->is_object()
             ? 0
             : static_cast<std::size_t>(std::max<std::int64_t>(0, integer_or(*summary, key, 0)));
}

std::string print_summary(const Json& plan) {
  std::string out;
  for (const SummaryPart& part : kParts) {
    const std::size_t count = summary_count(plan, part.key);
    if (count > 0) {
      out +=
          fmt::format("{}{} {}", out.empty() ? "" : ", ", count, count == 1 ? part.one : part.many);
    }
  }
  return out.empty() ? "nothing to create, change, move or delete" : out;
}

/// What no plan repairs must not pass for what is as it should be.
std::string print_drift_left(const Json& plan, const Palette& palette) {
  const std::size_t left = summary_count(plan, "drift_left");
  if (left == 0) {
    return "";
  }
  return palette.paint(Color::kWarning,
                       fmt::format("{} not as recorded, and no apply mends that. Next: voicectl "
                                   "drift",
                                   left == 1 ? "1 thing on this host is"
                                             : fmt::format("{} things on this host are", left))) +
         "\n";
}

std::string print_plan(const Json& plan, const Palette& palette, Reasons reasons) {
  std::string out = print_conflicts(plan, palette);
  if (count_steps(plan) == 0) {
    const std::string left = print_drift_left(plan, palette);
    return out +
           (left.empty() ? "Nothing to do: the platform is as it should be.\n"
                         : "Nothing to do that an apply can do.\n") +
           left + print_kept_and_taken(plan, palette);
  }
  out += fmt::format("Plan {} for generation {}:\n\n",
                     safe_for_terminal(string_or(plan, "id", "?")).substr(0, 12),
                     integer_or(plan, "base_generation", 0));
  const std::size_t count = count_steps(plan);
  out += count > kMostStepsInWhole && reasons == Reasons::kHide
             ? print_steps_in_part(plan, palette)
             : print_every_step(plan, palette, reasons);
  return out +
         fmt::format("\n{} step{}: {}.\n", count, count == 1 ? "" : "s", print_summary(plan)) +
         print_drift_left(plan, palette) + print_rollout(plan, palette) +
         print_effect(plan, palette) + print_kept_and_taken(plan, palette);
}

}  // namespace voicectl
