// SPDX-License-Identifier: Apache-2.0
// Routes of the control API that roll a program through the instances.
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/progress_stream.h"

namespace voicectl {
namespace {

/// Long enough for the most careful; a canary that is watched for ever is a mistake.
constexpr std::int64_t kLongestWatch = 24 * 3600;
constexpr std::int64_t kMostAtOnce = 1000;

bool flag(const Json& body, std::string_view key) {
  const auto found = body.find(key);
  return found != body.end() && found->is_boolean() && found->get<bool>();
}

Result<UpgradeRequest> parse_request(const std::string& text) {
  VC_TRY(const Json body, parse_json(text));
  UpgradeRequest out;
  out.runtime = string_or(body, "runtime", "");
  out.is_rollback = flag(body, "rollback");
  out.drops = flag(body, "allow_drops") ? Drops::kAllow : Drops::kRefuse;
  out.wish.canary = string_or(body, "canary", "");
  out.wish.who = string_or(body, "who", "unknown");
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
  const Result<Json> body = parse_json(call.request.body);
  if (flag(*body, "dry_run")) {
    deps_.upgrade.forecast(std::move(*request),
                           [this, call](const Result<UpgradeForecast>& forecast) {
                             forecast.has_error() ? refuse(call, forecast.error())
                                                  : answer(call, render_forecast(*forecast));
                           });
    return;
  }
  if (const Status free = deps_.lock.check_free("begin an upgrade"); free.has_error()) {
    refuse(call, free.error());
    return;
  }
  deps_.upgrade.begin(std::move(*request), progress_stream(call.responder),
                      [this, call](const Error& error) { refuse(call, error); });
}

void ControlServer::abort_upgrade(const Call& call) {
  const Result<Json> body = parse_json(call.request.body);
  deps_.upgrade.abort(body.has_error() ? "unknown" : string_or(*body, "who", "unknown"),
                      [this, call](const Status& turned) {
                        turned.has_error() ? refuse(call, turned.error())
                                           : answer(call, deps_.upgrade.status());
                      });
}

}  // namespace voicectl
