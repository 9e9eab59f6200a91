// SPDX-License-Identifier: Apache-2.0
// The commands that say where a tenant runs: all set its tier and let the plan do the rest.
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/option_rules.h"
#include "cli/revisions.h"
#include "provisioner/model/names.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string message;
  std::chrono::seconds lock_patience{0};
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

/// `deed` is what was typed.
Result<ExitCode> set_tier(CommandContext& context,
                          const Options& options,
                          Tier tier,
                          const std::string& deed) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const std::string why = reason_of(deed, options.message);
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, why, options.lock_patience));
  VC_TRY(DesiredAt wish, fetch_desired_at(*daemon));
  DesiredState& desired = wish.state;
  const auto found =
      std::find_if(desired.tenants.begin(), desired.tenants.end(),
                   [&](const TenantSpec& tenant) { return tenant.tenant.str() == options.slug; });
  if (found == desired.tenants.end()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot move tenant '{}': there is no such tenant; see 'voicectl "
                             "tenant list'",
                             options.slug));
  }
  found->tier = tier;
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .format = options.format,
                         .why = why,
                         .base_revision = wish.revision,
                         .lock = lock.get()};
  return apply_desired(context, desired, how);
}

/// What all of them take behind the tenant.
void add_options(CLI::App& app, Options& options) {
  add_message_option(app, options.message);
  add_lock_timeout(app, options.lock_patience);
  app.add_flag("-y,--yes", options.is_agreed, "move without asking");
  add_output_option(app, options.format, Formats::kLines);
}

CommandBody declare_any(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto tier = std::make_shared<std::string>();
  add_tenant_argument(app, options->slug);
  app.add_option("TIER", *tier, "auto, pooled or dedicated")
      ->required()
      ->check(one_of({"auto", "pooled", "dedicated"}));
  add_options(app, *options);
  return [options, tier](CommandContext& context) {
    return set_tier(context, *options, *find_value<Tier>(*tier),
                    fmt::format("tenant tier {} {}", options->slug, *tier));
  };
}

template <Tier tier>
CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  add_options(app, *options);
  return [options](CommandContext& context) {
    const char* const verb = tier == Tier::kDedicated ? "promote" : "demote";
    return set_tier(context, *options, tier, fmt::format("tenant {} {}", verb, options->slug));
  };
}

}  // namespace

Command tenant_promote_command() {
  return {"tenant promote", "Move a tenant to an instance of its own, sessions included",
          "  voicectl tenant promote mario-pizza", declare<Tier::kDedicated>};
}

Command tenant_tier_command() {
  return {"tenant tier", "Say where a tenant runs: as the monitor decides, pooled, or alone",
          "  voicectl tenant tier mario-pizza auto", declare_any};
}

Command tenant_demote_command() {
  return {"tenant demote", "Move a tenant back to the pool, sessions included",
          "  voicectl tenant demote mario-pizza", declare<Tier::kPooled>};
}

}  // namespace voicectl
