// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "cli/apply_flow.h"
#include "cli/archive_program.h"
#include "cli/commands/commands.h"
#include "cli/workspace.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

constexpr std::string_view kIncoming = "incoming";

struct Options {
  std::string file;
  std::string name;
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

/// One import on its way, from the archive to a stage that the daemon takes over.
struct Import {
  PlatformPaths paths;
  DesiredState desired;
  /// Where the data are now.
  std::string stage;
  std::string name;
};

Status check_name_is_free(const DesiredState& desired, const std::string& name) {
  const bool is_taken =
      std::any_of(desired.tenants.begin(), desired.tenants.end(),
                  [&](const TenantSpec& tenant) { return tenant.tenant.str() == name; });
  return is_taken ? Status(Error(ErrorCode::kAlreadyExists,
                                 fmt::format("cannot import tenant '{0}': it exists; take another "
                                             "name with --as, or delete it first with 'voicectl "
                                             "tenant delete {0}'",
                                             name)))
                  : ok_status();
}

/// Takes back what was staged, and what of it is on a Redis server.
Status discard(CommandContext& context, const Import& incoming) {
  std::vector<std::string> words = {"discard", "--stage", incoming.stage};
  const std::vector<std::string> store = store_words(incoming.desired, incoming.paths);
  words.insert(words.end(), store.begin(), store.end());
  VC_TRY(const Json outcome, run_archive(context, incoming.paths, "discard", std::move(words)));
  return ok_status();
}

/// What an import that was cut off has left.
Status clear_leavings(CommandContext& context, const Import& incoming) {
  VC_TRY(const std::vector<std::string> names, context.files.list(incoming.paths.transfer()));
  const bool is_there = std::find(names.begin(), names.end(), kIncoming) != names.end();
  return is_there ? discard(context, incoming) : ok_status();
}

/// The tenant's part of the desired state, under the name that it gets here.
Result<TenantSpec> spec_of(const Json& outcome, const std::string& name) {
  Json document = outcome.value("document", Json::object());
  if (!document.is_object()) {
    return Error(ErrorCode::kCorrupt, "cannot use the archive: it describes no tenant");
  }
  if (string_or(document, "slug", "") != name) {
    document["slug"] = name;
    // A host name leads to one tenant, and a demo business is the platform's own.
    document["domains"] = Json::array();
    document["demo"] = false;
  }
  return parse_tenant(dump_json(document));
}

Status put_in(DesiredState& desired, TenantSpec spec) {
  const auto place = std::lower_bound(
      desired.tenants.begin(), desired.tenants.end(), spec.tenant,
      [](const TenantSpec& known, const TenantId& id) { return known.tenant < id; });
  desired.tenants.insert(place, std::move(spec));
  return ok_status();
}

/// Gives the staged data the tenant's name, and puts the tenant into the desired state.
Status name_import(CommandContext& context, Import& incoming, const Json& outcome) {
  VC_TRY(incoming.name, require_string(outcome, "tenant"));
  VC_TRY(check_name_is_free(incoming.desired, incoming.name));
  VC_TRY(TenantSpec spec, spec_of(outcome, incoming.name));
  VC_TRY(put_in(incoming.desired, std::move(spec)));
  const std::string named = incoming.paths.stage(incoming.name);
  VC_TRY(context.files.remove(named));
  VC_TRY(context.files.move(incoming.stage, named));
  incoming.stage = named;
  return ok_status();
}

void print_checked(Console& console, const Json& outcome) {
  console.err << fmt::format("The archive is sound: {} of {}, {}.\n",
                             cell(outcome, "exported_from"), cell(outcome, "exported_at"),
                             describe_rows(outcome.value("rows", Json::object())));
  const std::int64_t ended = integer_or(outcome, "ended_sessions", 0);
  const std::int64_t dead = integer_or(outcome, "dead_entries", 0);
  if (ended + dead > 0) {
    console.err << fmt::format(
        "{} live sessions are ended here, and {} effects are not delivered again: they are the "
        "other tenant's ('voicectl outbox list').\n",
        ended, dead);
  }
}

Result<ExitCode> apply_import(CommandContext& context,
                              const Import& incoming,
                              const Options& options) {
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .format = options.format};
  Result<ExitCode> code = apply_desired(context, incoming.desired, how);
  if (code.has_value() && *code == ExitCode::kOk) {
    if (options.format == OutputFormat::kTable) {
      context.console.err << fmt::format("Next: voicectl tenant key create {}\n", incoming.name);
    }
    return code;
  }
  // What the daemon has taken over is no longer there, and stays with it.
  VC_TRY(discard(context, incoming));
  return code;
}

Result<ExitCode> import_tenant(CommandContext& context, const Options& options) {
  const std::string path = absolute_path(context.surroundings.working_directory, options.file);
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  Import incoming;
  VC_TRY(incoming.desired, fetch_desired(*daemon));
  VC_TRY(check_name_is_free(incoming.desired, options.name));
  VC_TRY(incoming.paths, fetch_paths(*daemon));
  incoming.stage = incoming.paths.stage(std::string(kIncoming));
  VC_TRY(context.files.make_directory(incoming.paths.transfer(), kPrivateDirectory));
  VC_TRY(const FileLock lock, context.programs.lock(incoming.paths.transfer() + "/import.lock"));
  VC_TRY(clear_leavings(context, incoming));
  std::vector<std::string> words = {"import", "--file", path, "--stage", incoming.stage};
  const std::vector<std::string> store = store_words(incoming.desired, incoming.paths);
  words.insert(words.end(), store.begin(), store.end());
  if (!options.name.empty()) {
    words.insert(words.end(), {"--as", options.name});
  }
  VC_TRY(const Json outcome, run_archive(context, incoming.paths, "import", std::move(words)));
  const Status named = name_import(context, incoming, outcome);
  if (named.has_error()) {
    VC_TRY(discard(context, incoming));
    return named.error();
  }
  print_checked(context.console, outcome);
  return apply_import(context, incoming, options);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->file, "an archive that 'tenant export' wrote")
      ->type_name("PATH")
      ->required();
  app.add_option("--as", options->name, "another name for the tenant here")->type_name("TENANT");
  app.add_flag("-y,--yes", options->is_agreed, "create it without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return import_tenant(context, *options); };
}

}  // namespace

Command tenant_import_command() {
  return {"tenant import", "Create a tenant from an archive, with all its data",
          "  voicectl tenant import --file mario-pizza.tar.zst\n"
          "  voicectl tenant import --file mario-pizza.tar.zst --as mario-copy --yes",
          declare};
}

}  // namespace voicectl
