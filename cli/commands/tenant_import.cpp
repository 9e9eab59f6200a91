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
#include "cli/revisions.h"
#include "cli/workspace.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

/// Begins the name of every import. No other file in the transfer folder begins so.
constexpr std::string_view kImport = "import-";

struct Options {
  std::string file;
  std::string name;
  std::string credentials_file;
  std::string message;
  std::chrono::seconds lock_patience{0};
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

/// One import on its way, from the archive to a stage that the daemon takes over.
struct Import {
  DaemonPaths paths;
  StoreSpec store;
  /// Tells it from every other import; the tenant's desired state carries it, so that nobody else
  /// takes these data, and the tenant no others and none.
  std::string id;
  std::string name{};
  bool has_keys = false;

  std::string stage() const { return paths.import_stage(id); }
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
Status discard(CommandContext& context, const Import& import) {
  std::vector<std::string> words = {"discard", "--stage", import.stage()};
  VC_TRY(const std::vector<std::string> store, store_words(context, import.store, import.paths));
  words.insert(words.end(), store.begin(), store.end());
  VC_TRY(const Json outcome, run_archive(context, import.paths, "discard", std::move(words)));
  return ok_status();
}

bool names_import(const DesiredState& desired, const std::string& id) {
  return std::any_of(desired.tenants.begin(), desired.tenants.end(),
                     [&](const TenantSpec& tenant) { return tenant.import_id == id; });
}

/// What imports have left that nobody waits for: they were cut off, or their tenant was deleted.
Status clear_leavings(CommandContext& context,
                      const DaemonPaths& paths,
                      const DesiredState& desired) {
  VC_TRY(const std::vector<std::string> names, context.files.list(paths.transfer()));
  for (const std::string& name : names) {
    if (name.starts_with(kImport) && !names_import(desired, name)) {
      VC_TRY(discard(context, Import{paths, desired.platform.store, name}));
    }
  }
  return ok_status();
}

/// The archive names a file of the host that it comes from; here it could name any, and the host
/// that its content is sent to.
Status take_credentials(Json& document, const std::string& name, const std::string& path) {
  const auto backend = document.find("backend");
  const bool needs_them = backend != document.end() && backend->is_object() &&
                          !string_or(*backend, "credentials_file", "").empty();
  if (needs_them && path.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot import tenant '{}': its backend is the site '{}', to which "
                             "credentials are sent; if that is right, name the file that holds "
                             "them here with --credentials-file",
                             name, string_or(*backend, "url", "")));
  }
  if (!needs_them && !path.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot import tenant '{}' with --credentials-file: its backend needs "
                             "no credentials",
                             name));
  }
  if (needs_them) {
    (*backend)["credentials_file"] = path;
  }
  return ok_status();
}

/// The tenant's part of the desired state, under the name that it gets here.
Result<TenantSpec> spec_of(CommandContext& context,
                           const Import& import,
                           const Json& outcome,
                           const Options& options) {
  Json document = outcome.value("document", Json::object());
  if (!document.is_object()) {
    return Error(ErrorCode::kCorrupt, "cannot use the archive: it describes no tenant");
  }
  if (string_or(document, "slug", "") != import.name) {
    document["slug"] = import.name;
    // A host name leads to one tenant, and a demo business is the platform's own.
    document["domains"] = Json::array();
    document["demo"] = false;
  }
  const std::string credentials =
      options.credentials_file.empty()
          ? ""
          : absolute_path(context.surroundings.working_directory, options.credentials_file);
  VC_TRY(take_credentials(document, import.name, credentials));
  document["import"] = import.id;
  return parse_tenant(dump_json(document));
}

/// What is asked of the platform now, and the tenant with it. Others may have asked for something
/// while the archive was unpacked.
Result<DesiredAt> wish_for(CommandContext& context,
                           DaemonClient& daemon,
                           Import& import,
                           const Json& outcome,
                           const Options& options) {
  VC_TRY(import.name, require_string(outcome, "tenant"));
  import.has_keys = integer_or(outcome, "api_keys", 0) > 0;
  VC_TRY(DesiredAt wish, fetch_desired_at(daemon));
  VC_TRY(check_name_is_free(wish.state, import.name));
  VC_TRY(TenantSpec spec, spec_of(context, import, outcome, options));
  const auto place = std::lower_bound(
      wish.state.tenants.begin(), wish.state.tenants.end(), spec.tenant,
      [](const TenantSpec& known, const TenantId& id) { return known.tenant < id; });
  wish.state.tenants.insert(place, std::move(spec));
  return wish;
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
  if (const std::int64_t keys = integer_or(outcome, "api_keys", 0); keys > 0) {
    console.err << fmt::format(
        "{} API keys of the archive will open it; whoever made the archive may know them.\n", keys);
  }
  if (const std::int64_t others = integer_or(outcome, "other_api_keys", 0); others > 0) {
    console.err << fmt::format(
        "Its {} API keys stay those of '{}' and do not open a tenant of another name.\n", others,
        cell(outcome, "exported_from"));
  }
}

void print_site(Console& console, const DesiredState& desired, const Import& import) {
  for (const TenantSpec& tenant : desired.tenants) {
    if (tenant.import_id == import.id && !tenant.backend.url.empty()) {
      console.err << fmt::format("Its backend is {}; what '{}' holds is sent there.\n",
                                 safe_for_terminal(tenant.backend.url),
                                 safe_for_terminal(tenant.backend.credentials_file));
    }
  }
}

/// After an apply that did not end well: nobody takes back what the platform has accepted.
Status leave_or_discard(CommandContext& context, DaemonClient& daemon, const Import& import) {
  const Result<DesiredState> desired = fetch_desired(daemon);
  if (desired.has_value() && !names_import(*desired, import.id)) {
    return discard(context, import);
  }
  context.console.err << fmt::format(
      "{} The tenant's data wait in '{}'. The daemon goes on with it at its next start, apply or "
      "hourly look ('voicectl status' shows what is pending); 'voicectl tenant delete {}' gives it "
      "up.\n",
      desired.has_value() ? "The platform has accepted the tenant."
                          : "It is not known whether the platform has accepted the tenant.",
      import.stage(), import.name);
  return ok_status();
}

Result<ExitCode> apply_import(CommandContext& context,
                              DaemonClient& daemon,
                              const Import& import,
                              const DesiredAt& wish,
                              const Options& options) {
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .format = options.format,
                         .base_generation = wish.generation,
                         .why = reason_of("tenant import " + import.name, options.message),
                         .base_revision = wish.revision,
                         .lock_patience = options.lock_patience};
  Result<ExitCode> code = apply_desired(context, wish.state, how);
  if (code.has_error() || *code != ExitCode::kOk) {
    if (const Status left = leave_or_discard(context, daemon, import); left.has_error()) {
      // What the apply said matters more, and the next import tries again.
      context.console.err << "voicectl: " << safe_for_terminal(left.error().text()) << "\n";
    }
  } else if (options.format == OutputFormat::kTable) {
    context.console.err << fmt::format("Next: voicectl tenant key {} {}\n",
                                       import.has_keys ? "list" : "create", import.name);
  }
  return code;
}

Result<Json> stage_archive(CommandContext& context, const Import& import, const Options& options) {
  std::vector<std::string> words = {
      "import",
      "--file",
      absolute_path(context.surroundings.working_directory, options.file),
      "--stage",
      import.stage(),
      "--retired",
      import.paths.state + "/retired"};
  VC_TRY(const std::vector<std::string> store, store_words(context, import.store, import.paths));
  words.insert(words.end(), store.begin(), store.end());
  if (!options.name.empty()) {
    words.insert(words.end(), {"--as", options.name});
  }
  return run_archive(context, import.paths, "import", std::move(words));
}

Result<ExitCode> import_tenant(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const DesiredState before, fetch_desired(*daemon));
  VC_TRY(check_name_is_free(before, options.name));
  VC_TRY(const DaemonPaths paths, fetch_paths(*daemon));
  VC_TRY(const FileLock lock, context.programs.lock(paths.transfer() + "/import.lock"));
  VC_TRY(clear_leavings(context, paths, before));
  Import import{paths, before.platform.store,
                fmt::format("{}{}-{}", kImport, context.clock.now().time_since_epoch().count(),
                            context.programs.own_pid())};
  VC_TRY(const Json outcome, stage_archive(context, import, options));
  const Result<DesiredAt> wish = wish_for(context, *daemon, import, outcome, options);
  if (wish.has_error()) {
    VC_TRY(discard(context, import));
    return wish.error();
  }
  print_checked(context.console, outcome);
  print_site(context.console, wish->state, import);
  return apply_import(context, *daemon, import, *wish, options);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->file, "an archive that 'tenant export' wrote")
      ->type_name("PATH")
      ->required();
  app.add_option("--as", options->name, "another name for the tenant here")->type_name("TENANT");
  app.add_option("--credentials-file", options->credentials_file,
                 "credentials for its ERPNext site: the file that the archive names is another "
                 "host's")
      ->type_name("PATH");
  add_message_option(app, options->message);
  add_lock_timeout(app, options->lock_patience);
  app.add_flag("-y,--yes", options->is_agreed, "create it without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return import_tenant(context, *options); };
}

}  // namespace

Command tenant_import_command() {
  return {"tenant import", "Create a tenant from an archive, with all its data",
          "  voicectl tenant import --file mario-pizza.tar.zst\n"
          "  voicectl tenant import --file mario-pizza.tar.zst --as mario-copy --yes\n"
          "  voicectl tenant import --file shop.tar.zst --credentials-file /etc/voicectl/shop.erp",
          declare};
}

}  // namespace voicectl
