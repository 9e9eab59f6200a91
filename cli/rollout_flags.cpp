// SPDX-License-Identifier: Apache-2.0
#include "cli/rollout_flags.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "cli/option_rules.h"
#include "cli/output.h"
#include "cli/seconds.h"
#include "provisioner/model/rollout_spec.h"

namespace voicectl {
namespace {

constexpr std::size_t kBatchesShown = 6;
constexpr std::size_t kNamesShown = 6;

std::string count_of(std::size_t count, std::string_view what, std::string_view ending = "s") {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : ending);
}

std::string names_in(const Json& tenants) {
  std::string out;
  for (std::size_t i = 0; i < tenants.size() && i < kNamesShown; ++i) {
    out += (i == 0 ? "" : ", ") +
           safe_for_terminal(tenants[i].is_string() ? tenants[i].get<std::string>() : "?");
  }
  return tenants.size() <= kNamesShown
             ? out
             : fmt::format("{} and {} more", out, tenants.size() - kNamesShown);
}

std::string print_batch(std::size_t number, const Json& batch, const Palette& palette) {
  const bool is_canary = batch.value("canary", false);
  return fmt::format("  {:>3}  {}{}\n", number, names_in(batch.value("tenants", Json::array())),
                     is_canary ? " " + palette.paint(Color::kWarning, "(canary)") : "");
}

/// Canaries that the plan does nothing for: who named them should know.
std::string print_idle(const Json& rollout) {
  std::set<std::string> busy;
  for (const Json& batch : rollout.at("batches")) {
    for (const Json& tenant : batch.value("tenants", Json::array())) {
      busy.insert(tenant.is_string() ? tenant.get<std::string>() : "");
    }
  }
  std::string out;
  for (const Json& canary : rollout.value("canary", Json::array())) {
    const std::string name = canary.is_string() ? canary.get<std::string>() : "";
    if (!busy.contains(name)) {
      out += fmt::format("  canary {}: nothing to do\n", safe_for_terminal(name));
    }
  }
  return out;
}

std::string print_rules(const Json& rollout) {
  const std::int64_t pause = integer_or(rollout, "pause_s", 0);
  const std::int64_t most = integer_or(rollout, "max_failures", 0);
  std::string out = count_of(rollout.at("batches").size(), "batch", "es");
  if (pause > 0) {
    out += fmt::format(", each watched for {} before the next",
                       format_duration(std::chrono::seconds(pause)));
  }
  return out + (most == 0 ? "; the first tenant that fails stops it"
                          : fmt::format("; stops when more than {} failed",
                                        count_of(static_cast<std::size_t>(most), "tenant")));
}

}  // namespace

void add_rollout_flags(CLI::App& app, RolloutFlags& flags) {
  app.add_option("--canary", flags.canary, "tenants that go first; none of them may fail")
      ->type_name("SLUG,...")
      ->delimiter(',');
  app.add_option("--batch", flags.batch, "tenants that go at one time after them")
      ->check(whole_number(1, kMostTenantsInABatch));
  app.add_option("--pause", flags.pause, "how long a batch is watched before the next one goes")
      ->type_name("TIME")
      ->check(length_up_to(kLongestRolloutPause));
  app.add_option("--max-failures", flags.max_failures,
                 "tenants that may fail before no other one begins; default with batches: 0")
      ->check(whole_number(0, kMostTenantsInABatch));
}

bool pauses_between_nothing(const RolloutFlags& flags, const std::string& document) {
  if (parse_seconds(flags.pause).value_or(0) == 0 || !flags.canary.empty() || flags.batch > 0) {
    return false;
  }
  const Json parsed = Json::parse(document, nullptr, false);
  const Json platform = parsed.is_object() ? parsed.value("platform", Json()) : Json();
  const Json rollout = platform.is_object() ? platform.value("rollout", Json()) : Json();
  return !rollout.is_object() || (rollout.value("canary", Json::array()).empty() &&
                                  rollout.value("batch", Json()).is_null());
}

Json rollout_of(const RolloutFlags& flags) {
  Json out;
  if (!flags.canary.empty()) {
    out["canary"] = flags.canary;
  }
  if (flags.batch > 0) {
    out["batch"] = flags.batch;
  }
  if (!flags.pause.empty()) {
    out["pause_s"] = parse_seconds(flags.pause).value_or(0);
  }
  if (flags.max_failures >= 0) {
    out["max_failures"] = flags.max_failures;
  }
  return out;
}

std::string print_rollout(const Json& plan, const Palette& palette) {
  const auto rollout = plan.find("rollout");
  if (rollout == plan.end() || !rollout->is_object() || !rollout->contains("batches") ||
      !rollout->at("batches").is_array()) {
    return "";
  }
  const Json& batches = rollout->at("batches");
  std::string out = fmt::format("\nRollout: {}.\n", print_rules(*rollout));
  // The last one is shown in any case: that it ends there is what is asked.
  const std::size_t shown = batches.size() <= kBatchesShown ? batches.size() : kBatchesShown - 1;
  for (std::size_t i = 0; i < shown; ++i) {
    out += print_batch(i + 1, batches[i], palette);
  }
  if (shown < batches.size()) {
    out += fmt::format("       ... {} ...\n", count_of(batches.size() - shown - 1, "batch", "es"));
    out += print_batch(batches.size(), batches.back(), palette);
  }
  return out + print_idle(*rollout);
}

}  // namespace voicectl
