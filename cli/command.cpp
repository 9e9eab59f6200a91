// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <map>

#include "base/ids.h"
#include "cli/workspace.h"
#include "provisioner/model/suggest.h"

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
  return context.connect(find_socket(context));
}

void add_output_option(CLI::App& app, OutputFormat& format, Formats formats) {
  const std::vector<std::string> allowed = names_of(formats);
  app.add_option_function<std::string>(
         "-o,--output", [&format](const std::string& name) { format = formats_by_name().at(name); },
         "how to print: " + joined(allowed))
      ->type_name("FORMAT")
      ->check([allowed](const std::string& name) -> std::string {
        if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) {
          return "";
        }
        const std::string hint = did_you_mean(name, allowed);
        return "found '" + name + "', allowed are " + joined(allowed) +
               (hint.empty() ? "" : "; " + hint);
      });
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
