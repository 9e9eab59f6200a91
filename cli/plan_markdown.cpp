// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_markdown.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/effect_printer.h"
#include "cli/output.h"
#include "cli/ownership_printer.h"
#include "cli/plan_printer.h"
#include "cli/rollout_flags.h"

namespace voicectl {
namespace {

/// Most steps that a comment shows: forges refuse those of more than 64 KiB.
constexpr std::size_t kMostSteps = 300;

/// Most cases of each matter of its effect.
constexpr std::size_t kMostCases = 20;

/// Text as text, whatever it holds: everything that Markdown or HTML would act on is escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : safe_for_terminal(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        if (std::string_view("\\`*_{}[]()#+!|~@$").find(c) != std::string_view::npos) {
          out += '\\';
        }
        out += c;
    }
  }
  return out;
}

std::string summary_table(const Json& plan) {
  std::string out = "| what | how many |\n|---|---:|\n";
  for (const SummaryPart& part : summary_parts()) {
    if (const std::size_t count = summary_count(plan, part.key); count > 0) {
      out += fmt::format("| {} | {} |\n", count == 1 ? part.one : part.many, count);
    }
  }
  return out;
}

std::string list_of(const std::vector<EffectLine>& lines) {
  std::string out;
  for (const EffectLine& line : lines) {
    out += fmt::format("- {}{}:{}{}\n", line.is_warning ? "\u26a0 " : "", line.label,
                       line.text.empty() ? "" : " ", escaped(line.text));
    for (const std::string& each : line.details) {
      out += fmt::format("  - {}\n", escaped(each));
    }
  }
  return out;
}

std::string effect_list(const Json& plan) {
  const std::string out = list_of(effect_lines(plan, kMostCases));
  return out.empty() ? out : "\n**Effect**\n\n" + out;
}

std::string ownership_list(const Json& plan) {
  const std::string out = list_of(ownership_lines(plan, kMostCases));
  return out.empty() ? out : "**Who owns what**\n\n" + out + "\n";
}

std::string steps_list(const Json& plan) {
  const std::size_t count = count_steps(plan);
  std::string out =
      fmt::format("\n<details>\n<summary>{} step{}</summary>\n\n", count, count == 1 ? "" : "s");
  std::size_t shown = 0;
  for (const Json& step : steps_of(plan)) {
    if (shown++ == kMostSteps) {
      out += fmt::format("- and {} more\n", count - kMostSteps);
      break;
    }
    out += fmt::format("- `{}` {}", safe_for_terminal(string_or(step, "symbol", " ")),
                       escaped(string_or(step, "text", "?")));
    const std::string why = string_or(step, "reason", "");
    out += why.empty() ? "\n" : fmt::format(": _{}_\n", escaped(why));
  }
  return out + "\n</details>\n";
}

/// As at a terminal: names in it are slugs, which mean nothing to markdown.
std::string rollout_block(const Json& plan) {
  const std::string text = print_rollout(plan, Palette(Palette::Mode::kOff));
  return text.empty() ? text : "\n```" + text + "```\n";
}

}  // namespace

std::string plan_as_markdown(const Json& plan) {
  if (count_steps(plan) == 0) {
    const std::string owners = ownership_list(plan);
    return "### voicectl plan: nothing to do\n\nThe platform is as it should be.\n" +
           (owners.empty() ? owners : "\n" + owners);
  }
  const std::size_t deleted = summary_count(plan, "tenants_deleted");
  std::string out = fmt::format("### voicectl plan: {}\n\n", print_summary(plan));
  if (deleted > 0) {
    out += fmt::format(
        "**Deletes {} tenant{} with their sessions.** The apply needs `--allow-delete={}`.\n\n",
        deleted, deleted == 1 ? "" : "s", deleted);
  }
  return out + ownership_list(plan) + summary_table(plan) + effect_list(plan) +
         rollout_block(plan) + steps_list(plan) +
         fmt::format("\nPlan `{}` for generation {}.\n",
                     escaped(string_or(plan, "id", "?")).substr(0, 12),
                     integer_or(plan, "base_generation", 0));
}

}  // namespace voicectl
