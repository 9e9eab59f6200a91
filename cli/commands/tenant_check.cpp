// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/archive_program.h"
#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  OutputFormat format = OutputFormat::kTable;
};

void print_findings(Console& console, const Json& found) {
  const Json problems = found.value("problems", Json::array());
  if (!found.value("rows", Json::object()).empty()) {
    console.out << describe_rows(found["rows"]) << "\n";
  }
  for (const Json& problem : problems) {
    console.out << safe_for_terminal(problem.get<std::string>()) << "\n";
  }
  console.out << (problems.empty()
                      ? fmt::format("The data of {} are sound.\n", cell(found, "tenant"))
                      : fmt::format("The data of {0} are damaged. What is left is not touched; to "
                                    "restore an archive: voicectl tenant delete {0}, then voicectl "
                                    "tenant import --file ARCHIVE\n",
                                    cell(found, "tenant")));
}

Result<ExitCode> check_tenant(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const Json tenant, daemon->get("/v1/tenants/" + percent_encoded(options.slug)));
  VC_TRY(const TenantId checked, TenantId::parse(options.slug));
  VC_TRY(const DaemonPaths paths, fetch_paths(*daemon));
  VC_TRY(const Json found, run_archive(context, paths, "check-" + options.slug,
                                       {"check", "--config", paths.tenant_config(checked), "--data",
                                        paths.tenant_data(checked)}));
  if (options.format == OutputFormat::kTable) {
    print_findings(context.console, found);
  } else {
    context.console.out << render_document(found, options.format);
  }
  return found.value("problems", Json::array()).empty() ? ExitCode::kOk : ExitCode::kFailure;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return check_tenant(context, *options); };
}

}  // namespace

Command tenant_check_command() {
  return {"tenant check", "Look whether all of a tenant's data are sound, while it is served",
          "  voicectl tenant check mario-pizza", declare};
}

}  // namespace voicectl
