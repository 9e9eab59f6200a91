// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/host_line.h"

namespace voicectl {
namespace {

struct Options {
  OutputFormat format = OutputFormat::kTable;
};

const Json& part(const Json& status, std::string_view key) {
  static const Json nothing = Json::object();
  const auto found = status.find(key);
  return found != status.end() && found->is_object() ? *found : nothing;
}

std::string edge_line(const Json& edge) {
  const std::string mode = cell(edge, "mode");
  if (mode == "none") {
    return "none";
  }
  const bool running = edge.value("running", false);
  return fmt::format("{} ({}), http {}, https {}, {} reload{}", running ? "running" : "not running",
                     mode, cell(edge, "http"), cell(edge, "https"), cell(edge, "reloads"),
                     integer_or(edge, "reloads", 0) == 1 ? "" : "s");
}

/// Questions to tenants through the edge, and who does not answer.
std::string probes_line(const Json& status) {
  const Json& probes = part(part(status, "edge"), "probes");
  return fmt::format("{} answered, {} failed, {} unreachable, {} silent",
                     integer_or(probes, "answered", 0), integer_or(probes, "failed", 0),
                     integer_or(probes, "unreachable", 0),
                     integer_or(part(status, "heartbeats"), "silent", 0));
}

std::string drift_line(const Json& drift) {
  const std::int64_t found = integer_or(drift, "found", 0);
  const std::int64_t adopted = integer_or(drift, "adopted", 0);
  std::string out = found == 0 ? "none" : fmt::format("{} found; see 'voicectl drift'", found);
  return adopted == 0 ? out : out + fmt::format(", {} adopted", adopted);
}

void print_list(Console& console,
                const Json& status,
                std::string_view key,
                std::string_view title,
                Color color) {
  const auto list = status.find(key);
  if (list == status.end() || !list->is_array() || list->empty()) {
    return;
  }
  console.out << "\n" << console.out_palette.paint(color, title) << "\n";
  for (const Json& line : *list) {
    console.out << "  " << safe_for_terminal(line.is_string() ? line.get<std::string>() : "")
                << "\n";
  }
}

/// What a rollout holds back, and how to go on.
std::string rollout_text(Console& console, const Json& rollout) {
  const std::size_t held = rollout.value("held", Json::array()).size();
  const std::string waiting = fmt::format("{} tenant{} wait", held, held == 1 ? "" : "s");
  const std::string stopped = string_or(rollout, "stopped", "");
  std::string out =
      stopped.empty()
          ? fmt::format("\nRollout:   batch {} of {} is under way; {}\n", cell(rollout, "batch"),
                        cell(rollout, "batches"), waiting)
          : fmt::format("\n{}\n  {}; {}, and stay as they are. To go on: voicectl apply\n",
                        console.out_palette.paint(Color::kWarning, "Rollout stopped:"),
                        safe_for_terminal(stopped), waiting);
  for (const Json& failed : rollout.value("failed", Json::array())) {
    out += fmt::format("  failed  {}: {}\n", safe_for_terminal(string_or(failed, "tenant", "?")),
                       safe_for_terminal(string_or(failed, "error", "?")));
  }
  return out;
}

void print_status(Console& console, const Json& status) {
  const Json& daemon = part(status, "daemon");
  const Json& platform = part(status, "platform");
  const Json& counts = part(status, "counts");
  const auto line = [&](std::string_view name, const std::string& value) {
    console.out << fmt::format("{:<10} {}\n", name, safe_for_terminal(value));
  };
  line("Daemon", fmt::format("{}, pid {}, up {}", cell(daemon, "version"), cell(daemon, "pid"),
                             seconds_cell(daemon, "uptime_s")));
  if (const std::vector<std::string> host = host_parts(status); !host.empty()) {
    line("Host", fmt::format("{}", fmt::join(host, ", ")));
  }
  line("Platform", platform.empty() ? "nothing applied yet" : cell(platform, "domain"));
  line("Edge", edge_line(part(status, "edge")));
  line("Tenants", cell(counts, "tenants"));
  line("Instances", cell(counts, "instances"));
  line("Sessions", cell(counts, "sessions"));
  line("Probes", probes_line(status));
  line("Drift", drift_line(part(status, "drift")));
  line("State", cell(daemon, "state"));
  line("Logs", cell(daemon, "log"));
  if (const Json& rollout = part(status, "rollout"); !rollout.empty()) {
    console.out << rollout_text(console, rollout);
  }
  print_list(console, status, "pending", "Pending:", Color::kWarning);
  print_list(console, status, "problems", "Problems:", Color::kBad);
}

Result<ExitCode> show_status(CommandContext& context, const Options& options) {
  VC_TRY(const Json status, daemon_of(context)->get("/v1/status"));
  if (options.format == OutputFormat::kTable) {
    print_status(context.console, status);
  } else {
    context.console.out << render_document(status, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_status(context, *options); };
}

}  // namespace

Command status_command() {
  return {"status", "Show how the platform stands: what runs, what is pending, what is wrong",
          "  voicectl status\n  voicectl status -o json", declare};
}

}  // namespace voicectl
