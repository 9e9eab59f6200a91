// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "cli/apply_flow.h"
#include "cli/commands/commands.h"
#include "cli/documents.h"
#include "cli/revisions.h"
#include "provisioner/model/names.h"

namespace voicectl {
namespace {

struct Options {
  std::string slug;
  std::string name;
  std::string business_type = "custom";
  std::string plan;
  std::string tier;
  std::string email;
  std::string phone;
  std::string time_zone;
  std::string menu_file;
  std::string services_file;
  std::string categories_file;
  std::string file;
  std::string message;
  std::chrono::seconds lock_patience{0};
  bool is_protected = false;
  bool is_agreed = false;
  OutputFormat format = OutputFormat::kTable;
};

/// The document that the flags stand for, checked like one that a person wrote.
std::string document_of(const Options& options) {
  Json tenant = {{"slug", options.slug},
                 {"name", options.name.empty() ? options.slug : options.name},
                 {"business_type", options.business_type}};
  if (options.is_protected) {
    tenant["protect"] = true;
  }
  const std::pair<const char*, const std::string*> optional[] = {
      {"plan", &options.plan},
      {"tier", &options.tier},
      {"email", &options.email},
      {"phone", &options.phone},
      {"time_zone", &options.time_zone},
      {"menu_file", &options.menu_file},
      {"services_file", &options.services_file},
      {"support_categories_file", &options.categories_file}};
  for (const auto& [key, value] : optional) {
    if (!value->empty()) {
      // A file of the command line may be anywhere: the document names it by its key.
      tenant[key] = std::string_view(key).ends_with("_file") ? key : *value;
    }
  }
  return dump_json({{"apiVersion", kApiVersion}, {"tenants", Json::array({tenant})}});
}

/// Reads the files that `document_of` names by their keys.
FileReader flag_reader(const CommandContext& context, const Options& options) {
  return [reader = file_reader(context), options](const std::string& key) {
    return reader(key == "menu_file"       ? options.menu_file
                  : key == "services_file" ? options.services_file
                                           : options.categories_file);
  };
}

Result<TenantSpec> load_tenant(CommandContext& context, const Options& options) {
  DesiredState state;
  if (options.file.empty()) {
    ParsedState parsed = parse_desired_state({{"command line", document_of(options)}},
                                             flag_reader(context, options));
    if (!parsed.ok()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot create tenant '{}': {}", options.slug,
                               parsed.problems.front().str()));
    }
    state = std::move(parsed.state);
  } else {
    VC_TRY(state, load_desired_state({options.file}, context));
  }
  for (TenantSpec& tenant : state.tenants) {
    if (tenant.tenant.str() == options.slug) {
      return std::move(tenant);
    }
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot find tenant '{}' in '{}'", options.slug, options.file));
}

Result<ExitCode> create_tenant(CommandContext& context, const Options& options) {
  VC_TRY(TenantSpec tenant, load_tenant(context, options));
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const std::string why = reason_of("tenant create " + options.slug, options.message);
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, why, options.lock_patience));
  VC_TRY(DesiredAt wish, fetch_desired_at(*daemon));
  DesiredState& desired = wish.state;
  if (find_tenant(desired, tenant.tenant) != nullptr) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot create tenant '{}': it exists; see 'voicectl tenant show {}'",
                             options.slug, options.slug));
  }
  const auto place =
      std::lower_bound(desired.tenants.begin(), desired.tenants.end(), tenant.tenant,
                       [](const TenantSpec& spec, const TenantId& id) { return spec.tenant < id; });
  desired.tenants.insert(place, std::move(tenant));
  const ApplyOptions how{.consent = options.is_agreed ? Consent::kGiven : Consent::kAsk,
                         .format = options.format,
                         .why = why,
                         .base_revision = wish.revision,
                         .lock = lock.get()};
  VC_TRY(const ExitCode code, apply_desired(context, desired, how));
  if (code == ExitCode::kOk && options.format == OutputFormat::kTable) {
    context.console.err << fmt::format("Next: voicectl tenant key create {}\n", options.slug);
  }
  return code;
}

template <typename E>
std::string choices() {
  std::string out;
  for (const NamedValue<E>& known : named_values<E>()) {
    out += (out.empty() ? "" : ", ") + std::string(known.name);
  }
  return out;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_tenant_argument(app, options->slug);
  app.add_option("--name", options->name, "name of the business (default: the slug)")
      ->type_name("TEXT");
  app.add_option("--type", options->business_type, choices<BusinessType>())
      ->type_name("TYPE")
      ->capture_default_str();
  app.add_option("--plan", options->plan, choices<PricePlan>())->type_name("PLAN");
  app.add_option("--tier", options->tier, choices<Tier>())->type_name("TIER");
  app.add_option("--email", options->email, "address of the owner")->type_name("ADDRESS");
  app.add_option("--phone", options->phone, "number of the business")->type_name("NUMBER");
  app.add_option("--time-zone", options->time_zone, "IANA name, such as Europe/Vienna")
      ->type_name("ZONE");
  app.add_option("--menu-file", options->menu_file, "menu of a restaurant")->type_name("PATH");
  app.add_option("--services-file", options->services_file, "services of an appointment business")
      ->type_name("PATH");
  app.add_option("--categories-file", options->categories_file, "categories of a support desk")
      ->type_name("PATH");
  app.add_option("-f,--file", options->file, "take the tenant from this document instead")
      ->type_name("PATH");
  app.add_flag("--protect", options->is_protected,
               "let nobody delete it before 'protect: false' is applied");
  add_message_option(app, options->message);
  add_lock_timeout(app, options->lock_patience);
  app.add_flag("-y,--yes", options->is_agreed, "create without asking");
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return create_tenant(context, *options); };
}

}  // namespace

Command tenant_create_command() {
  return {"tenant create", "Create a tenant and serve it",
          "  voicectl tenant create corner-shop --name 'Corner Shop'\n"
          "  voicectl tenant create luigi --type restaurant --menu-file menu.yaml --yes\n"
          "  voicectl tenant create dr-jones -f tenants.yaml",
          declare};
}

}  // namespace voicectl
