// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/archive_program.h"
#include "cli/commands/commands.h"
#include "cli/output_file.h"
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
  if (options.overwrites) {
    return ok_status();
  }
  // Not more of it than shows that it is there. The folder may be reached by a link.
  const Result<std::optional<std::string>> known = context.files.read(path, 0);
  const bool is_too_long =
      known.has_error() && known.error().code() == ErrorCode::kResourceExhausted;
  if (known.has_error() && !is_too_long) {
    return known.error();
  }
  if (is_too_long || known->has_value()) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot write '{}': there is such a file; take another name, or add "
                             "--overwrite",
                             path));
  }
  return ok_status();
}

Result<std::string> document_of(DaemonClient& daemon, const std::string& slug) {
  VC_TRY(const DesiredState desired, fetch_desired(daemon));
  for (TenantSpec tenant : desired.tenants) {
    if (tenant.tenant.str() == slug) {
      tenant.import_id.clear();  // of this platform
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
  if (const std::int64_t keys = integer_or(outcome, "api_keys", 0); keys > 0) {
    console.err << fmt::format(
        "  Hashes of {} API keys are in it; the keys open the tenant that is made of it under the "
        "same name.\n",
        keys);
  }
  for (const Json& left : outcome.value("left_out", Json::array())) {
    console.err << "  Not in it: " << safe_for_terminal(left.get<std::string>()) << "\n";
  }
}

Result<ExitCode> export_tenant(CommandContext& context, const Options& options) {
  VC_TRY(const OutputPlace place, find_output_place(context, options.file));
  if (place.is_device) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot write '{}': it is a device; name a file", options.file));
  }
  const std::string& path = place.path;
  VC_TRY(check_free(context, options, path));
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const std::string document, document_of(*daemon, options.slug));
  VC_TRY(const TenantId tenant, TenantId::parse(options.slug));
  VC_TRY(const DaemonPaths paths, fetch_paths(*daemon));
  const std::string name = "export-" + options.slug;
  const std::string document_path = run_file(context, paths, name, "json");
  VC_TRY(context.files.replace_atomically(document_path, document, kPrivateFile));
  std::vector<std::string> words = {"export",
                                    "--config",
                                    paths.tenant_config(tenant),
                                    "--data",
                                    paths.tenant_data(tenant),
                                    "--document",
                                    document_path,
                                    "--file",
                                    path};
  if (options.with_secrets) {
    words.insert(words.end(),
                 {"--secrets", paths.tenant_secrets(tenant), "--keys", paths.tenant_keys(tenant)});
  }
  const Result<Json> outcome = run_archive(context, paths, name, std::move(words));
  (void)context.files.remove(document_path);  // a later run does it otherwise
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
               "put in secrets, and hashes of API keys: sessions and clients go on elsewhere");
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
