// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/archive_program.h"
#include "cli/commands/commands.h"
#include "cli/workspace.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string file;
  bool with_secrets = false;
  bool overwrites = false;
  OutputFormat format = OutputFormat::kTable;
};

/// An archive that somebody keeps is not replaced by a slip of the hand.
Status check_free(CommandContext& context, const Options& options, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  VC_TRY(const std::vector<std::string> names,
         context.files.list(slash == 0 ? "/" : path.substr(0, slash)));
  const bool is_there =
      std::find(names.begin(), names.end(), path.substr(slash + 1)) != names.end();
  if (is_there && !options.overwrites) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot write '{}': there is such a file; take another name, or add "
                             "--overwrite",
                             path));
  }
  return ok_status();
}

Result<std::string> document_of(DaemonClient& daemon, const std::string& slug) {
  VC_TRY(const DesiredState desired, fetch_desired(daemon));
  for (const TenantSpec& tenant : desired.tenants) {
    if (tenant.tenant.str() == slug) {
      return render_tenant(tenant);
    }
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot export tenant '{}': there is no such tenant; see 'voicectl "
                           "tenant list'",
                           slug));
}

void print_outcome(Console& console, const Json& outcome) {
  console.out << fmt::format("Exported {} to {}, {}.\n  {}\n", cell(outcome, "tenant"),
                             safe_for_terminal(cell(outcome, "file")), bytes_cell(outcome, "bytes"),
                             describe_rows(outcome.value("rows", Json::object())));
  for (const Json& left : outcome.value("left_out", Json::array())) {
    console.err << "  Not in it: " << safe_for_terminal(left.get<std::string>()) << "\n";
  }
}

Result<ExitCode> export_tenant(CommandContext& context, const Options& options) {
  const std::string path = absolute_path(context.surroundings.working_directory, options.file);
  VC_TRY(check_free(context, options, path));
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const std::string document, document_of(*daemon, options.slug));
  VC_TRY(const PlatformPaths paths, fetch_paths(*daemon));
  VC_TRY(context.files.make_directory(paths.transfer(), kPrivateDirectory));
  const std::string name = "export-" + options.slug;
  const std::string document_path = paths.transfer() + "/" + name + ".json";
  VC_TRY(context.files.replace_atomically(document_path, document, kPrivateFile));
  std::vector<std::string> words = {"export",
                                    "--config",
                                    paths.tenant(options.slug) + "/config.json",
                                    "--data",
                                    paths.tenant(options.slug) + "/data",
                                    "--document",
                                    document_path,
                                    "--file",
                                    path};
  if (options.with_secrets) {
    words.insert(words.end(), {"--secrets", paths.tenant(options.slug) + "/secrets.json"});
  }
  const Result<Json> outcome = run_archive(context, paths, name, std::move(words));
  (void)context.files.remove(document_path);  // the next export does it otherwise
  if (outcome.has_error()) {
    return outcome.error();
  }
  if (options.format == OutputFormat::kTable) {
    print_outcome(context.console, *outcome);
  } else {
    context.console.out << render_document(*outcome, options.format);
  }
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("-f,--file", options->file, "the archive to write, mode 0600")
      ->type_name("PATH")
      ->required();
  app.add_flag("--with-secrets", options->with_secrets,
               "put in the secrets of webhooks and tools, so that open sessions go on elsewhere");
  app.add_flag("--overwrite", options->overwrites, "replace a file of that name");
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return export_tenant(context, *options); };
}

}  // namespace

Command tenant_export_command() {
  return {"tenant export", "Write all of a tenant into one archive while it is served",
          "  voicectl tenant export mario-pizza --file mario-pizza.tar.zst", declare};
}

}  // namespace voicectl
