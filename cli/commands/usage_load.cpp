// SPDX-License-Identifier: Apache-2.0
// What the process of an instance, or the whole machine, used lately.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cli/commands/commands.h"
#include "cli/load_printer.h"

namespace voicectl {
namespace {

constexpr double kMegabyte = 1 << 20;

struct Options {
  std::string instance;
  LoadOptions load;
};

bool was_there(const Json& point) {
  return number_in(point, "cpu_milli").has_value();
}

HistoryView instance_view() {
  return {.subject_key = "subject",
          .measures = {{"CPU", member("cpu_most_milli"), percent_text, 100},
                       {"RSS", member("memory_bytes"), bytes_text, kMegabyte},
                       {"LOOP LAG", member("loop_lag_ms"), milliseconds_text, 10},
                       {"SESSIONS", member("sessions"), count_text, 4}},
          .table = {.list = "points",
                    .kind = "load",
                    .name_key = "at",
                    .when_empty = "It was not there in that time.",
                    .columns = {text_column("AT", "at"), measured("CPU", "cpu_milli", percent_text),
                                measured("MOST CPU", "cpu_most_milli", percent_text),
                                measured("RSS", "memory_bytes", bytes_text),
                                measured("PSS", "pss_bytes", bytes_text),
                                measured("LOOP LAG", "loop_lag_ms", milliseconds_text),
                                measured("SESSIONS", "sessions", count_text),
                                measured("TENANTS", "tenants", count_text),
                                measured("FDS", "descriptors", count_text, Shown::kWide),
                                measured("THREADS", "threads", count_text, Shown::kWide)}},
          .is_shown = was_there};
}

HistoryView host_view() {
  return {.subject_key = "subject",
          .measures = {{"LOAD", member("load"), rate_text, 1},
                       {"CPU", member("cpu_most_milli"), percent_text, 1000},
                       {"MEMORY", member("memory_bytes"), bytes_text, kMegabyte},
                       {"DISK", member("disk_bytes"), bytes_text, kMegabyte}},
          .table = {.list = "points",
                    .kind = "load",
                    .name_key = "at",
                    .when_empty = "Nothing was told of it in that time.",
                    .columns = {text_column("AT", "at"), measured("LOAD", "load", rate_text),
                                measured("CPU", "cpu_milli", percent_text),
                                measured("MOST CPU", "cpu_most_milli", percent_text),
                                measured("MEMORY", "memory_bytes", bytes_text),
                                measured("OF", "memory_size_bytes", bytes_text),
                                measured("DISK", "disk_bytes", bytes_text),
                                measured("OF", "disk_size_bytes", bytes_text)}},
          .is_shown = was_there};
}

std::string check_instance(const std::string& name) {
  const Result<InstanceId> parsed = InstanceId::parse(name);
  return parsed.has_error() ? parsed.error().text() : "";
}

CommandBody declare_instance_load(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("INSTANCE", options->instance, "name of the instance: see 'voicectl ps'")
      ->required()
      ->check(check_instance);
  add_load_options(app, options->load);
  return [options](CommandContext& context) {
    return show_load_history(context, fmt::format("/v1/instances/{}/load", options->instance),
                             options->load, instance_view());
  };
}

CommandBody declare_host_load(CLI::App& app) {
  auto options = std::make_shared<LoadOptions>();
  add_load_options(app, *options);
  return [options](CommandContext& context) {
    return show_load_history(context, "/v1/host/load", *options, host_view());
  };
}

}  // namespace

Command instance_load_command() {
  return {
      "instance load", "Show what the process of an instance used lately, step by step",
      "  voicectl instance load shared-0 --since 3h\n"
      "  voicectl instance load shared-0 --since 14d -o json\n"
      "\n"
      "Minutes are kept for three hours, ten minutes for a day, hours for two weeks, of an\n"
      "instance that is gone as well. In the lines a dot is a time in which nobody watched; CPU\n"
      "is the most between two looks.",
      declare_instance_load};
}

Command host_load_command() {
  return {
      "host load", "Show what the machine did lately, step by step",
      "  voicectl host load --since 3h\n"
      "  voicectl host load --since 14d -o json\n"
      "\n"
      "Minutes are kept for three hours, ten minutes for a day, hours for two weeks. CPU is of\n"
      "all processors together: 200% are two of them. DISK is the file system of the state\n"
      "folder. In the lines a dot is a time in which nobody watched.",
      declare_host_load};
}

}  // namespace voicectl
