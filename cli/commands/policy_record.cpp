// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/seconds.h"
#include "cli/workspace.h"
#include "monitor/recording.h"
#include "provisioner/model/names.h"

namespace voicectl {
namespace {

/// The daemon itself looks no more often.
constexpr std::int64_t kShortestInterval = 5;

struct Options {
  std::string file;
  std::string interval = "15s";
  /// Empty: until somebody ends it.
  std::string length;
};

std::optional<std::uint32_t> value_of(const Json& tenant, std::string_view key) {
  const auto found = tenant.find(key);
  if (found == tenant.end() || !found->is_number()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(std::clamp(std::round(found->get<double>()), 0.0, 4e9));
}

std::optional<RecordedLoad> load_of(const Json& tenant) {
  const Result<TenantId> name = TenantId::parse(string_or(tenant, "tenant", ""));
  const auto plan = find_value<PricePlan>(string_or(tenant, "plan", ""));
  const auto tier = find_value<Tier>(string_or(tenant, "tier", ""));
  if (name.has_error() || !plan || !tier) {
    return std::nullopt;
  }
  return RecordedLoad{*name,
                      *plan,
                      *tier,
                      {value_of(tenant, "sessions"), value_of(tenant, "cpu_milli"),
                       value_of(tenant, "p99_ms"), value_of(tenant, "in_flight")}};
}

Result<std::vector<RecordedLoad>> look(CommandContext& context) {
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/tenants"));
  std::vector<RecordedLoad> out;
  for (const Json& tenant : answer.value("tenants", Json::array())) {
    if (std::optional<RecordedLoad> load = load_of(tenant)) {
      out.push_back(std::move(*load));
    }
  }
  return out;
}

Result<std::ofstream> create(const CommandContext& context, const std::string& name) {
  const std::string path = absolute_path(context.surroundings.working_directory, name);
  std::error_code problem;
  if (std::filesystem::exists(path, problem)) {
    return Error(
        ErrorCode::kAlreadyExists,
        fmt::format("cannot record to '{}': there is such a file; take another name", name));
  }
  std::ofstream file(path, std::ios::binary);
  if (!file) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot record to '{}': it cannot be made; is there the folder, and "
                             "may you write in it?",
                             name));
  }
  return file;
}

/// Looks once, and tells of a daemon that does not answer any more.
std::optional<std::vector<RecordedLoad>> look_again(CommandContext& context, bool& is_away) {
  Result<std::vector<RecordedLoad>> seen = look(context);
  if (seen.has_error() && !is_away) {
    context.console.err << fmt::format(
        "The daemon does not answer ({}); there is a gap until it does.\n",
        safe_for_terminal(seen.error().text()));
  }
  is_away = seen.has_error();
  return is_away ? std::nullopt : std::optional(std::move(*seen));
}

/// Writes a sample at each interval until `length` is over. ERRORS: kResourceExhausted.
Result<std::uint64_t> record_into(std::ofstream& file,
                                  CommandContext& context,
                                  const std::vector<RecordedLoad>& first,
                                  Duration interval,
                                  std::optional<Duration> length) {
  RecordingWriter writer(interval, context.clock.now());
  file << writer.head() << writer.frame(Duration::zero(), first) << std::flush;
  const MonoTime began = context.programs.now();
  std::uint64_t frames = 1;
  bool is_away = false;
  for (Duration due = interval; file && (!length || due <= *length); due += interval) {
    context.programs.pause(began + due - context.programs.now());
    if (const auto loads = look_again(context, is_away)) {
      file << writer.frame(context.programs.now() - began, *loads) << std::flush;
      ++frames;
    }
  }
  if (!file) {
    return Error(ErrorCode::kResourceExhausted,
                 "cannot write the recording: is the disk full? What was written can be read");
  }
  return frames;
}

Result<ExitCode> record(CommandContext& context, const Options& options) {
  const std::chrono::seconds interval(*parse_seconds(options.interval));
  if (interval.count() < kShortestInterval || interval > std::chrono::hours(24)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot record every {}: 5s to 1d are possible", options.interval));
  }
  const std::optional<std::int64_t> length = parse_seconds(options.length);
  // The first answer tells whether there is anybody to ask, before a file is made.
  VC_TRY(const std::vector<RecordedLoad> first, look(context));
  VC_TRY(std::ofstream file, create(context, options.file));
  VC_TRY(
      const std::uint64_t frames,
      record_into(file, context, first, interval,
                  length ? std::optional<Duration>(std::chrono::seconds(*length)) : std::nullopt));
  context.console.out << fmt::format(
      "{} sample{} of {} tenant{} {} in '{}'.\n", frames, frames == 1 ? "" : "s", first.size(),
      first.size() == 1 ? "" : "s", frames == 1 ? "is" : "are", safe_for_terminal(options.file));
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "the recording; it may be read while it grows")->required();
  app.add_option("--interval", options->interval, "time between samples")
      ->type_name("TIME")
      ->check(check_seconds)
      ->capture_default_str();
  app.add_option("--for", options->length, "how long; default: until it is ended")
      ->type_name("TIME")
      ->check(check_seconds);
  return [options](CommandContext& context) { return record(context, *options); };
}

}  // namespace

Command policy_record_command() {
  return {"policy record", "Record the load of all tenants, to try policies on",
          "  voicectl policy record week.vcload --interval 1m --for 7d", declare};
}

}  // namespace voicectl
