// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <map>
#include <ostream>

#include "base/ids.h"
#include "cli/interrupt.h"
#include "cli/option_rules.h"
#include "cli/workspace.h"

namespace voicectl {
namespace {

constexpr std::string_view kSystemSocket = "/run/voicectl/control.sock";

const std::map<std::string, OutputFormat>& formats_by_name() {
  static const std::map<std::string, OutputFormat> names = {
      {"table", OutputFormat::kTable}, {"wide", OutputFormat::kWide},
      {"json", OutputFormat::kJson},   {"yaml", OutputFormat::kYaml},
      {"name", OutputFormat::kName},   {"markdown", OutputFormat::kMarkdown},
      {"sarif", OutputFormat::kSarif}};
  return names;
}

std::vector<std::string> names_of(Formats formats) {
  switch (formats) {
    case Formats::kDocument:
      return {"table", "json", "yaml"};
    case Formats::kList:
      return {"table", "wide", "json", "yaml", "name"};
    case Formats::kLines:
      return {"table", "json"};
    case Formats::kPlan:
      return {"table", "json", "yaml", "markdown"};
    case Formats::kProblems:
      return {"table", "json", "yaml", "sarif"};
  }
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

}  // namespace

std::string find_socket(const CommandContext& context) {
  if (!context.socket_option.empty()) {
    return absolute_path(context.surroundings.working_directory, context.socket_option);
  }
  if (const auto named = context.surroundings.variable("VOICECTL_SOCKET");
      named && !named->empty()) {
    return absolute_path(context.surroundings.working_directory, *named);
  }
  const Workspace workspace(context.files, context.surroundings.working_directory + "/.voicectl");
  const Result<std::optional<std::string>> run = workspace.find_run_folder();
  if (run.has_value() && run->has_value()) {
    return **run + "/control.sock";
  }
  return std::string(kSystemSocket);
}

std::unique_ptr<DaemonClient> daemon_of(const CommandContext& context) {
  return with_moments(context.connect(find_socket(context)));
}

ExitCode refuse_usage(CommandContext& context, std::string_view command, std::string_view message) {
  context.console.err << "voicectl: " << safe_for_terminal(message) << "\n"
                      << fmt::format("Run 'voicectl {}{}--help' to see how it is used.\n", command,
                                     command.empty() ? "" : " ");
  return context.usage_code;
}

void add_output_option(CLI::App& app, OutputFormat& format, Formats formats) {
  const std::vector<std::string> allowed = names_of(formats);
  app.add_option_function<std::string>(
         "-o,--output", [&format](const std::string& name) { format = formats_by_name().at(name); },
         "how to print: " + joined(allowed))
      ->type_name("FORMAT")
      ->check(one_of(allowed));
}

void add_tenant_argument(CLI::App& app, std::string& slug) {
  app.add_option("TENANT", slug, "slug of the tenant")
      ->required()
      ->check([](const std::string& text) -> std::string {
        const Result<TenantId> parsed = TenantId::parse(text);
        return parsed.has_error() ? parsed.error().message() : "";
      });
}

}  // namespace voicectl
