// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/revisions.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string confirmation;
  std::string message;
  std::chrono::seconds lock_patience{0};
  OutputFormat format = OutputFormat::kTable;
};

Result<ExitCode> delete_tenant(CommandContext& context, const Options& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const std::string why = reason_of("tenant delete " + options.slug, options.message);
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, why, options.lock_patience));
  VC_TRY(DesiredAt wish, fetch_desired_at(*daemon));
  DesiredState& desired = wish.state;
  const std::size_t removed = std::erase_if(desired.tenants.edit(), [&](const TenantSpec& tenant) {
    return tenant.tenant.str() == options.slug;
  });
  if (removed == 0) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot delete tenant '{}': there is no such tenant; see 'voicectl "
                             "tenant list'",
                             options.slug));
  }
  const Answer answer = ask_for_word(
      context.console,
      fmt::format("This deletes tenant '{}', ends its sessions and sets its data aside.",
                  options.slug),
      options.slug, options.confirmation);
  if (answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  // The word that was typed stands for the plan too; no other tenant may go with it.
  const ApplyOptions how{.consent = Consent::kGiven,
                         .format = options.format,
                         .allow_delete = 1,
                         .why = why,
                         .base_revision = wish.revision,
                         .lock = lock.get()};
  return apply_desired(context, desired, how);
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("--confirm", options->confirmation, "the slug again, instead of the question")
      ->type_name("TENANT");
  add_message_option(app, options->message);
  add_lock_timeout(app, options->lock_patience);
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return delete_tenant(context, *options); };
}

}  // namespace

Command tenant_delete_command() {
  return {"tenant delete", "Delete a tenant; its data is set aside",
          "  voicectl tenant delete corner-shop\n"
          "  voicectl tenant delete corner-shop --confirm=corner-shop",
          declare};
}

}  // namespace voicectl
