// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/control_server.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/daemon/instance_reply.h"

namespace voicectl {
namespace {

/// A desired state of ten thousand tenants with menus of their own.
constexpr std::size_t kMaxDocument = 64U << 20;

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // each part begins with a slash
    const std::size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? "" : path.substr(slash);
  }
  return parts;
}

/// What stands for each "*" if `path` is of the pattern.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  const std::vector<std::string> wanted = split_path(pattern);
  const std::vector<std::string> given = split_path(path);
  if (wanted.size() != given.size()) {
    return std::nullopt;
  }
  std::vector<std::string> captures;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "*") {
      captures.push_back(given[i]);
    } else if (wanted[i] != given[i]) {
      return std::nullopt;
    }
  }
  return captures;
}

}  // namespace

ControlServer::ControlServer(Deps deps) : deps_(std::move(deps)) {
  ConnectionLimits limits;
  limits.body_bytes = kMaxDocument;
  limits.unsent_bytes = kMaxDocument;
  HttpServer::Handlers handlers;
  handlers.on_request = [this](HttpRequest request, std::shared_ptr<Responder> responder) {
    dispatch(std::move(request), std::move(responder));
  };
  server_ = std::make_unique<HttpServer>(deps_.reactor, std::move(handlers), limits);
}

ControlServer::~ControlServer() = default;

void ControlServer::serve(UniqueFd listener) {
  server_->serve(std::move(listener));
}

const std::vector<ControlServer::Route>& ControlServer::routes() {
  static const std::vector<Route> kRoutes = {
      {"GET", "/v1/version", &ControlServer::show_version},
      {"GET", "/v1/metrics", &ControlServer::show_metrics},
      {"GET", "/v1/status", &ControlServer::show_status},
      {"GET", "/v1/instances", &ControlServer::list_instances},
      {"GET", "/v1/instances/*/load", &ControlServer::show_instance_load},
      {"GET", "/v1/host/load", &ControlServer::show_host_load},
      {"POST", "/v1/instances/*/restart", &ControlServer::restart_instance, "instance.restart"},
      {"POST", "/v1/instances/*/restart/preview", &ControlServer::preview_restart},
      {"GET", "/v1/tenants", &ControlServer::list_tenants},
      {"GET", "/v1/tenants/*", &ControlServer::show_tenant},
      {"GET", "/v1/tenants/*/wait", &ControlServer::wait_for_tenant},
      {"GET", "/v1/tenants/*/why", &ControlServer::explain_placement},
      {"GET", "/v1/tenants/*/load", &ControlServer::show_load},
      {"GET", "/v1/load", &ControlServer::show_recent_load},
      {"POST", "/v1/tenants/*/move", &ControlServer::move_tenant, "tenant.move", DryRun::kYes},
      {"POST", "/v1/pool/rebalance", &ControlServer::rebalance_pool, "pool.rebalance",
       DryRun::kYes},
      {"GET", "/v1/upgrade", &ControlServer::show_upgrade},
      {"POST", "/v1/upgrade", &ControlServer::begin_upgrade, "upgrade.begin", DryRun::kYes},
      {"POST", "/v1/upgrade/abort", &ControlServer::abort_upgrade, "upgrade.abort"},
      {"GET", "/v1/desired", &ControlServer::show_desired},
      {"GET", "/v1/drift", &ControlServer::show_drift},
      {"POST", "/v1/drift/adopt", &ControlServer::adopt_drift, "drift.adopt"},
      {"POST", "/v1/drift/give_up", &ControlServer::give_up_drift, "drift.give_up"},
      {"GET", "/v1/lock", &ControlServer::show_lock},
      {"POST", "/v1/lock", &ControlServer::take_lock},
      {"POST", "/v1/lock/steal", &ControlServer::steal_lock, "lock.steal"},
      {"POST", "/v1/lock/*/renew", &ControlServer::renew_lock},
      {"DELETE", "/v1/lock/*", &ControlServer::release_lock},
      {"GET", "/v1/audit", &ControlServer::list_audit},
      {"GET", "/v1/revisions", &ControlServer::list_revisions},
      {"GET", "/v1/revisions/*", &ControlServer::show_revision},
      {"GET", "/v1/forecasts", &ControlServer::list_forecasts},
      {"DELETE", "/v1/retired/*", &ControlServer::forget_tenant, "tenant.purge"},
      {"POST", "/v1/plan", &ControlServer::make_plan},
      {"POST", "/v1/apply", &ControlServer::apply, "apply"},
      {"POST", "/v1/stop", &ControlServer::stop, "stop"},
      {"POST", "/v1/tenants/*/keys", &ControlServer::create_key, "key.create"},
      {"GET", "/v1/tenants/*/keys", &ControlServer::list_keys},
      {"DELETE", "/v1/tenants/*/keys/*", &ControlServer::revoke_key, "key.revoke"},
      {"POST", "/v1/tenants/*/keys/*/rotate", &ControlServer::rotate_key, "key.rotate"},
      {"POST", "/v1/tenants/*/secrets/rotate", &ControlServer::rotate_secret, "secret.rotate"},
      {"GET", "/v1/sessions", &ControlServer::list_sessions},
      {"POST", "/v1/sessions/migrate", &ControlServer::migrate_sessions, "session.migrate",
       DryRun::kYes},
      {"GET", "/v1/sessions/*", &ControlServer::show_session},
      {"DELETE", "/v1/sessions/*", &ControlServer::end_session, "session.end"},
      {"GET", "/v1/outbox", &ControlServer::list_outbox},
      {"GET", "/v1/outbox/*/*", &ControlServer::show_outbox},
      {"DELETE", "/v1/outbox/*/*", &ControlServer::drop_outbox, "outbox.drop"},
      {"POST", "/v1/outbox/*/retry", &ControlServer::retry_outbox, "outbox.retry"},
      {"POST", "/v1/outbox/*/*/retry", &ControlServer::retry_outbox, "outbox.retry"},
      {"GET", "/v1/events", &ControlServer::stream_events},
      {"GET", "/v1/logs", &ControlServer::stream_logs},
  };
  return kRoutes;
}

void ControlServer::dispatch(HttpRequest request, std::shared_ptr<Responder> responder) {
  Call call{std::move(request), std::move(responder), {}};
  // The socket's mode lets only these in already; this also holds if the mode was changed.
  const std::optional<PeerProcess>& peer = call.request.peer;
  if (!peer || (peer->uid != 0 && peer->uid != deps_.own_uid)) {
    refuse(call, Error(ErrorCode::kPermissionDenied,
                       "cannot answer: only root and the daemon's own user may ask"));
    return;
  }
  bool is_known_path = false;
  for (const Route& route : routes()) {
    std::optional<std::vector<std::string>> captures = match(route.pattern, call.request.path);
    is_known_path = is_known_path || captures.has_value();
    if (captures && route.method == call.request.method) {
      call.captures = std::move(*captures);
      if (route.what.empty()) {
        (this->*route.serve)(call);
      } else {
        serve_audited(route, std::move(call));
      }
      return;
    }
  }
  if (is_known_path) {
    call.responder->send(error_response(405, "invalid_argument", "cannot use this method here"));
    return;
  }
  refuse(call, Error(ErrorCode::kNotFound,
                     fmt::format("cannot find '{}' in version {} of the control API",
                                 call.request.path.substr(0, 80), api::kVersion)));
}

void ControlServer::answer(const Call& call, const Json& body) {
  call.responder->send(json_response(200, dump_json(body)));
}

Status ControlServer::require_known(const std::string& tenant) const {
  const Result<TenantId> parsed = TenantId::parse(tenant);
  if (tenant.empty() || (parsed.has_value() && deps_.recorded.find_tenant(*parsed) != nullptr)) {
    return ok_status();
  }
  return Error(
      ErrorCode::kNotFound,
      fmt::format("cannot find tenant '{}'; see 'voicectl tenant list'", tenant.substr(0, 80)));
}

void ControlServer::refuse(const Call& call, const Error& error) {
  call.responder->send(
      error_response(api::http_status_of(error.code()), name_of(error.code()), error.text()));
}

void ControlServer::pass_on(const Call& call,
                            const InstanceId& instance,
                            const Result<std::string>& reply) {
  const Result<Json> body = read_reply(instance, reply);
  if (body.has_error()) {
    refuse(call, body.error());
  } else {
    answer(call, *body);
  }
}

}  // namespace voicectl
