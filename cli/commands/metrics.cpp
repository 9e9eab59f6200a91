// SPDX-License-Identifier: Apache-2.0
// The daemon's metrics, and what other programs watch them with.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/monitoring_files.h"

namespace voicectl {
namespace {

Result<ExitCode> show_metrics(CommandContext& context) {
  VC_TRY(daemon_of(context)->stream("GET", "/v1/metrics", "", [&](std::string_view line) {
    context.console.out << line << '\n';
    return ok_status();
  }));
  return ExitCode::kOk;
}

CommandBody declare(CLI::App&) {
  return [](CommandContext& context) { return show_metrics(context); };
}

std::string described(MonitoringFile file) {
  std::string names;
  for (const MonitoringValue& value : values_of(file)) {
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", value.name, value.usual);
  }
  return "another value; repeat for several: " + names;
}

template <MonitoringFile File>
CommandBody declare_file(CLI::App& app) {
  auto settings = std::make_shared<std::vector<std::string>>();
  app.add_option("--set", *settings, described(File))->type_name("NAME=VALUE");
  return [settings](CommandContext& context) -> Result<ExitCode> {
    VC_TRY(const std::string text, render_monitoring_file(File, *settings));
    context.console.out << text;
    return ExitCode::kOk;
  };
}

}  // namespace

Command metrics_command() {
  return {"metrics", "Print the daemon's metrics in the text form of Prometheus",
          "  voicectl metrics > /var/lib/prometheus/node-exporter/voicectl.prom", declare};
}

Command metrics_rules_command() {
  return {"metrics rules", "Print alert rules for Prometheus",
          "  voicectl metrics rules > /etc/prometheus/voicectl.rules.yaml\n"
          "  voicectl metrics rules --set request_p99_seconds=0.5 --set restarts=5",
          declare_file<MonitoringFile::kAlertRules>};
}

Command metrics_dashboard_command() {
  return {"metrics dashboard", "Print a dashboard for Grafana",
          "  voicectl metrics dashboard > voicectl.json", declare_file<MonitoringFile::kDashboard>};
}

}  // namespace voicectl
