// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "base/ids.h"
#include "cli/commands/commands.h"
#include "cli/seconds.h"

namespace voicectl {
namespace {

constexpr std::array<std::string_view, 5> kConditions = {"ready", "promoted", "pooled", "deleted",
                                                         "applied"};

struct Options {
  std::string slug;
  std::string condition = "ready";
  std::string timeout = "60s";
  OutputFormat format = OutputFormat::kTable;
};

std::string check_subject(const std::string& text) {
  const Result<TenantId> tenant = TenantId::parse(text);
  return tenant.has_error() ? tenant.error().message() : "";
}

std::string check_condition(const std::string& text) {
  const bool is_known =
      std::find(kConditions.begin(), kConditions.end(), text) != kConditions.end();
  return is_known ? ""
                  : "found '" + text + "', allowed are ready, promoted, pooled, deleted, applied";
}

Result<ExitCode> wait(CommandContext& context, const Options& options) {
  const std::string subject = "tenant/" + options.slug;
  const std::string target =
      fmt::format("/v1/tenants/{}/wait?for={}&timeout_s={}", percent_encoded(options.slug),
                  options.condition, parse_seconds(options.timeout).value_or(0));
  std::string text;
  VC_TRY(daemon_of(context)->stream("GET", target, "", [&](std::string_view line) -> Status {
    text = line;
    return ok_status();
  }));
  const Result<Json> answer = parse_json(text);
  if (answer.has_error() || !answer->is_object()) {
    return Error(ErrorCode::kUnavailable,
                 "cannot tell whether it came true: the daemon stopped telling");
  }
  const bool is_met = answer->value("met", false);
  if (options.format == OutputFormat::kJson) {
    context.console.out << text << '\n';
  } else if (is_met) {
    context.console.out << fmt::format("{} is {}.\n", subject, options.condition);
  }
  if (is_met) {
    return ExitCode::kOk;
  }
  return Error(ErrorCode::kTimeout,
               fmt::format("cannot wait any longer for '{}' to be {}: {}", subject,
                           options.condition, string_or(*answer, "why_not", "no reason given")));
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SUBJECT", options->slug, "tenant/SLUG, or the slug alone")
      ->required()
      ->check(check_subject);
  app.add_option("--for", options->condition, "ready, promoted, pooled, deleted or applied")
      ->type_name("CONDITION")
      ->capture_default_str()
      ->check(check_condition);
  app.add_option("--timeout", options->timeout, "how long to wait, such as 60s or 10m")
      ->type_name("TIME")
      ->capture_default_str()
      ->check([](const std::string& text) { return check_seconds(text); });
  add_output_option(app, options->format, Formats::kLines);
  return [options](CommandContext& context) { return wait(context, *options); };
}

}  // namespace

Command wait_command() {
  return {"wait", "Wait until a tenant is ready, promoted, pooled, deleted or applied",
          "  voicectl wait tenant/mario-pizza --for=ready\n"
          "  voicectl wait tenant/mario-pizza --for=deleted --timeout=5m\n"
          "\n"
          "A tenant that does not exist yet is waited for too. Ends with 5 when the time is over.",
          declare};
}

}  // namespace voicectl
