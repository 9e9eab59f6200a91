// SPDX-License-Identifier: Apache-2.0
// Routes of the control API that roll a program through the instances.
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/progress_stream.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

/// Long enough for the most careful; a canary that is watched for ever is a mistake.
constexpr std::int64_t kLongestWatch = 24 * 3600;
constexpr std::int64_t kMostAtOnce = 1000;
constexpr std::size_t kLongestWho = 200;

Result<UpgradeRequest> parse_request(const std::string& text) {
  VC_TRY(const Json body, parse_body(text));
  UpgradeRequest out;
  out.runtime = string_or(body, "runtime", "");
  out.is_rollback = flag_in(body, "rollback");
  out.drops = flag_in(body, "allow_drops") ? Drops::kAllow : Drops::kRefuse;
  out.wish.canary = string_or(body, "canary", "");
  out.wish.who = one_line(string_or(body, "who", "unknown"), kLongestWho);
  const std::int64_t watch = integer_or(body, "watch_s", out.wish.watch.count());
  const std::int64_t batch = integer_or(body, "batch", out.wish.batch);
  if (watch < 0 || watch > kLongestWatch || batch < 1 || batch > kMostAtOnce) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot upgrade so: the watch is at most a day, and a batch 1 to 1000 instances");
  }
  if (!out.runtime.empty() && (out.is_rollback || !out.runtime.starts_with('/'))) {
    return Error(ErrorCode::kInvalidArgument,
                 out.is_rollback ? "cannot roll back to a file: name either"
                                 : "cannot find a program by a path that does not begin with '/'");
  }
  out.wish.watch = std::chrono::seconds(watch);
  out.wish.batch = static_cast<std::uint32_t>(batch);
  return out;
}

}  // namespace

void ControlServer::show_upgrade(const Call& call) {
  answer(call, deps_.upgrade.status());
}

void ControlServer::begin_upgrade(const Call& call) {
  Result<UpgradeRequest> request = parse_request(call.request.body);
  if (request.has_error()) {
    refuse(call, request.error());
    return;
  }
  const Result<Json> body = parse_body(call.request.body);
  if (flag_in(*body, "dry_run")) {
    deps_.upgrade.forecast(std::move(*request),
                           [this, call](const Result<UpgradeForecast>& forecast) {
                             forecast.has_error() ? refuse(call, forecast.error())
                                                  : answer(call, render_forecast(*forecast));
                           });
    return;
  }
  const Result<LockedRun> run = begin_run(*body, "upgrade");
  if (run.has_error()) {
    refuse(call, run.error());
    return;
  }
  ReconcileLoop::ApplyListener listener = progress_stream(call.responder);
  // What follows once it is recorded is the daemon's own work, and may take a day: others may
  // change the platform meanwhile.
  listener.on_started = [this, run = *run,
                         on_started = std::move(listener.on_started)](const Plan& plan) {
    deps_.lock.end_run(run.token);
    on_started(plan);
  };
  deps_.upgrade.begin(
      std::move(*request), std::move(listener),
      [this, call, run = *run](const Error& error) {
        abandon(run);
        refuse(call, error);
      },
      [this, run = *run] { return deps_.lock.check_run(run.token); });
}

void ControlServer::abort_upgrade(const Call& call) {
  const Result<Json> body = parse_body(call.request.body);
  const std::string who = body.has_error() ? "unknown" : string_or(*body, "who", "unknown");
  deps_.upgrade.abort(one_line(who, kLongestWho), [this, call](const Status& turned) {
    turned.has_error() ? refuse(call, turned.error()) : answer(call, deps_.upgrade.status());
  });
}

}  // namespace voicectl
