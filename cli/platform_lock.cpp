// SPDX-License-Identifier: Apache-2.0
#include "cli/platform_lock.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <utility>

#include "cli/seconds.h"

namespace voicectl {
namespace {

/// Of a holder's life (30 s) a third, so that two may be lost.
constexpr std::chrono::seconds kHeartbeat{10};

std::string describe_holder(const Json& lock) {
  return safe_for_terminal(fmt::format("{} since {}, for '{}'", cell(lock, "holder"),
                                       cell(lock, "since"), cell(lock, "purpose")));
}

}  // namespace

std::string name_of_holder(const CommandContext& context) {
  const std::string& user = context.surroundings.user;
  return fmt::format("{}@{}:{}", user.substr(0, user.find(' ')), context.surroundings.host,
                     context.programs.own_pid());
}

void add_lock_timeout(CLI::App& app, std::chrono::seconds& patience) {
  app.add_option_function<std::string>(
         "--lock-timeout",
         [&patience](const std::string& text) {
           patience = std::chrono::seconds(parse_seconds(text).value_or(0));
         },
         "how long to wait for whoever changes the platform now, such as 30s (default 0)")
      ->type_name("TIME")
      ->check([](const std::string& text) { return check_seconds(text); });
}

PlatformLock::PlatformLock(CommandContext& context, DaemonClient& daemon, std::int64_t token)
    : context_(context), daemon_(daemon), token_(token) {
  context_.console.pause = kHeartbeat;
  context_.console.while_waiting = [this] {
    // One that was lost meanwhile is refused by what is asked for under it.
    (void)daemon_.call("POST", fmt::format("/v1/lock/{}/renew", token_), "{}");
  };
}

PlatformLock::~PlatformLock() {
  context_.console.while_waiting = nullptr;
  if (!is_left_) {
    // If it cannot be given back, its life ends by itself.
    (void)daemon_.call("DELETE", fmt::format("/v1/lock/{}", token_), "");
  }
}

Result<std::unique_ptr<PlatformLock>> PlatformLock::take(CommandContext& context,
                                                         DaemonClient& daemon,
                                                         const std::string& purpose,
                                                         std::chrono::seconds patience) {
  const Json request = {
      {"holder", name_of_holder(context)}, {"purpose", purpose}, {"wait_s", patience.count()}};
  std::optional<std::int64_t> token;
  VC_TRY(
      daemon.stream("POST", "/v1/lock", dump_json(request), [&](std::string_view text) -> Status {
        VC_TRY(const Json line, parse_json(text));
        if (const auto error = line.find("error"); error != line.end()) {
          return Error(error_code_named(string_or(*error, "code", "internal")),
                       string_or(*error, "message", "cannot take the lock"));
        }
        if (const auto other = line.find("waiting_for");
            other != line.end() && patience.count() > 0) {
          context.console.err << "Waiting for the lock: " << describe_holder(*other) << '\n';
        }
        if (const auto lock = line.find("lock"); lock != line.end()) {
          token = integer_or(*lock, "token", 0);
        }
        return ok_status();
      }));
  if (!token) {
    return Error(ErrorCode::kUnavailable, "cannot take the lock: the daemon stopped telling");
  }
  return std::unique_ptr<PlatformLock>(new PlatformLock(context, daemon, *token));
}

}  // namespace voicectl
