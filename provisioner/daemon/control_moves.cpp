// SPDX-License-Identifier: Apache-2.0
// Routes of the control API that move tenants within the pool.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/progress_stream.h"
#include "provisioner/daemon/query.h"
#include "provisioner/plan/pool_moves.h"

namespace voicectl {
namespace {

/// What was chosen, as it is told; and back, when exactly that is to be done.
Json render_moves(const std::vector<PoolMove>& moves, const SessionCounts& sessions) {
  Json out = Json::array();
  for (const PoolMove& move : moves) {
    const auto live = sessions.find(move.tenant);
    out.push_back({{"tenant", move.tenant.str()},
                   {"from", move.from.str()},
                   {"to", move.to.str()},
                   {"sessions", live == sessions.end() ? 0 : live->second}});
  }
  return out;
}

Result<std::vector<PoolMove>> parse_moves(const Snapshot& snapshot, const Json& moves) {
  std::vector<PoolMove> out;
  for (const Json& each : moves) {
    VC_TRY(const TenantId tenant, TenantId::parse(string_or(each, "tenant", "")));
    VC_TRY(const InstanceId to, InstanceId::parse(string_or(each, "to", "")));
    VC_TRY(std::optional<PoolMove> move, choose_move(snapshot, tenant, to));
    if (move) {
      out.push_back(*std::move(move));
    }
  }
  return out;
}

Result<std::vector<PoolMove>> choose_one(const Snapshot& snapshot,
                                         const std::string& slug,
                                         const Json& body) {
  VC_TRY(const TenantId tenant, TenantId::parse(slug));
  std::optional<InstanceId> to;
  if (const std::string name = string_or(body, "to", ""); !name.empty()) {
    VC_TRY(to, InstanceId::parse(name));
  }
  VC_TRY(std::optional<PoolMove> move, choose_move(snapshot, tenant, to));
  return move ? std::vector<PoolMove>{*std::move(move)} : std::vector<PoolMove>{};
}

/// As many as a person would name.
constexpr std::size_t kMostNamed = 1000;

Result<std::vector<PoolMove>> choose_named(const Snapshot& snapshot, const Json& body) {
  const auto names = body.find("tenants");
  if (names == body.end() || !names->is_array() || names->empty() || names->size() > kMostNamed) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot migrate sessions: 'tenants' must name 1 to {} tenants", kMostNamed));
  }
  std::vector<TenantId> tenants;
  for (const Json& name : *names) {
    VC_TRY(TenantId tenant, TenantId::parse(name.is_string() ? name.get<std::string>() : ""));
    tenants.push_back(std::move(tenant));
  }
  std::optional<InstanceId> to;
  if (const std::string name = string_or(body, "to", ""); !name.empty()) {
    VC_TRY(to, InstanceId::parse(name));
  }
  return choose_moves(snapshot, tenants, to);
}

SessionCounts session_counts(const LoadView& load) {
  SessionCounts out;
  for (const auto& [tenant, seen] : load.tenants) {
    out.emplace(tenant, seen.sessions);
  }
  return out;
}

Result<std::vector<PoolMove>> choose_many(const Snapshot& snapshot,
                                          const SessionCounts& sessions,
                                          const Json& body) {
  const std::int64_t most =
      integer_or(body, "max_moves", static_cast<std::int64_t>(snapshot.tenants.size()));
  if (most < 0) {
    return Error(ErrorCode::kInvalidArgument, "cannot make fewer than no moves");
  }
  return even_out_pool(snapshot, sessions, static_cast<std::size_t>(most));
}

}  // namespace

void ControlServer::move_tenant(const Call& call) {
  show_or_run(call, fmt::format("Tenant '{}' is there already.", call.captures[0]),
              [&](const Snapshot& snapshot, const Json& body) {
                return choose_one(snapshot, call.captures[0], body);
              });
}

void ControlServer::rebalance_pool(const Call& call) {
  show_or_run(call, "The pool is even already.", [&](const Snapshot& snapshot, const Json& body) {
    return choose_many(snapshot, session_counts(deps_.load()), body);
  });
}

void ControlServer::migrate_sessions(const Call& call) {
  show_or_run(
      call, "All of these sessions are there already.",
      [](const Snapshot& snapshot, const Json& body) { return choose_named(snapshot, body); });
}

void ControlServer::show_or_run(
    const Call& call,
    const std::string& note,
    const std::function<Result<std::vector<PoolMove>>(const Snapshot&, const Json&)>& choose) {
  const Result<Json> body = parse_body(call.request.body);
  if (body.has_error()) {
    refuse(call, body.error());
    return;
  }
  const Snapshot snapshot = deps_.loop.snapshot();
  const auto shown = body->find("moves");
  const Result<std::vector<PoolMove>> moves = shown != body->end() && shown->is_array()
                                                  ? parse_moves(snapshot, *shown)
                                                  : choose(snapshot, *body);
  Result<Plan> plan =
      moves.has_error() ? Result<Plan>(moves.error()) : plan_moves(snapshot, *moves);
  if (plan.has_error()) {
    refuse(call, plan.error());
    return;
  }
  if (flag_in(*body, "dry_run")) {
    const Result<std::string> shown_plan =
        forecast_json_of(*plan, deps_.loop.desired().value_or(DesiredState{}));
    if (shown_plan.has_error()) {
      refuse(call, shown_plan.error());
      return;
    }
    call.responder->send(json_response(
        200, fmt::format(R"({{"plan":{},"moves":{},"note":{}}})", *shown_plan,
                         dump_json(render_moves(*moves, session_counts(deps_.load()))),
                         dump_json(Json(plan->empty() ? note : "")))));
    return;
  }
  const std::int64_t base = integer_or(*body, "base_generation", -1);
  if (base >= 0 && Generation{static_cast<std::uint64_t>(base)} != plan->base) {
    refuse(call,
           Error(ErrorCode::kConflict,
                 "cannot do this: the platform has changed since it was planned; plan again"));
    return;
  }
  if (snapshot.programs.upgrade) {
    refuse(call, Error(ErrorCode::kConflict,
                       "cannot move tenants now: an upgrade is under way; see 'voicectl upgrade "
                       "status'"));
    return;
  }
  const Result<LockedRun> run = begin_run(*body, call.request.path.substr(4));
  if (run.has_error()) {
    refuse(call, run.error());
    return;
  }
  const Status begun =
      deps_.loop.carry_out(std::move(*plan), ending(*run, progress_stream(call.responder)));
  if (begun.has_error()) {
    abandon(*run);
    refuse(call, begun.error());
  }
}

}  // namespace voicectl
