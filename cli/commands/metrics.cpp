// SPDX-License-Identifier: Apache-2.0
#include <CLI/App.hpp>
#include <ostream>

#include "cli/commands/commands.h"

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

}  // namespace

Command metrics_command() {
  return {"metrics", "Print the daemon's metrics in the text form of Prometheus",
          "  voicectl metrics > /var/lib/node_exporter/textfile/voicectl.prom", declare};
}

}  // namespace voicectl
