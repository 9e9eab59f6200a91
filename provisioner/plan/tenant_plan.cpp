// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/tenant_plan.h"

#include <fmt/core.h>

#include <utility>

#include "provisioner/plan/drift_plan.h"
#include "provisioner/plan/spec_changes.h"

namespace voicectl {
namespace {

/// An instance reads the configuration when it gets the tenant, and is told of later changes.
bool is_lent(const RecordedTenant* recorded) {
  return recorded != nullptr && recorded->placement;
}

bool is_changed(const TenantSpec& spec, const RecordedTenant* recorded) {
  if (recorded == nullptr || recorded->spec == spec) {
    return false;
  }
  if (!recorded->has_data || recorded->spec.import_id == spec.import_id) {
    return true;
  }
  // Whence its data came: who writes the document needs not know it.
  TenantSpec before = recorded->spec;
  before.import_id = spec.import_id;
  return !(before == spec);
}

Generation next(Generation generation) {
  return Generation{generation.value + 1};
}

StepRef add_update(PlanContext& context, const TenantSpec& spec, const RecordedTenant& recorded) {
  const std::string reason =
      is_changed(spec, &recorded)
          ? "changed: " + describe_changes(recorded.spec, spec)
          : fmt::format(
                "its instance goes on with another configuration (generation {}, recorded "
                "is {})",
                context.snapshot().observed.outdated.at(spec.tenant).value,
                recorded.generation.value);
  return context.draft.add(UpdateTenant{spec, next(recorded.generation)}, reason);
}

}  // namespace

std::optional<StepRef> TenantPlan::record(const TenantSpec& spec, const RecordedTenant* recorded) {
  if (recorded == nullptr) {
    const StepRef step = context_.draft.add(CreateTenant{spec}, "it is desired and not recorded");
    edge_.note_change_of_tenants(step);
    return step;
  }
  const std::optional<StepRef> back = bring_back(*recorded);
  if (!is_changed(spec, recorded) && !context_.is_outdated(spec.tenant)) {
    return std::nullopt;
  }
  const StepRef step = add_update(context_, spec, *recorded);
  context_.draft.need(step, back);
  if (spec.domains != recorded->spec.domains) {
    edge_.note_change_of_tenants(step);
  }
  return step;
}

std::optional<StepRef> TenantPlan::bring_back(const RecordedTenant& recorded) {
  if (recorded.phase != TenantPhase::kDeleting || !edge_.publishes_tenants()) {
    return std::nullopt;
  }
  // What else is to change of it has its own step, for which the edge's other tenants do not wait.
  const StepRef step = context_.draft.add(UpdateTenant{recorded.spec, recorded.generation},
                                          "it was being deleted and is desired again");
  edge_.note_change_of_tenants(step);
  return step;
}

std::optional<StepRef> TenantPlan::prepare(const TenantSpec& spec,
                                           const RecordedTenant* recorded,
                                           const Chain& chain) {
  const bool is_rewritten = context_.is_unserved(spec.tenant);
  if (recorded != nullptr && recorded->has_data && !is_rewritten) {
    return std::nullopt;
  }
  Generation generation{1};
  // Who is lent already is updated after this, when its instance can be told.
  const std::optional<StepRef> before = is_lent(recorded) ? std::nullopt : chain.record;
  if (recorded != nullptr) {
    generation = before ? next(recorded->generation) : recorded->generation;
  }
  const StepRef step = context_.draft.add(
      PrepareTenantData{spec.tenant, generation},
      is_rewritten ? "its instance did not take it; what it reads is written anew"
                   : "it has no folder and no configuration yet");
  context_.draft.need(step, before);
  return step;
}

Result<std::optional<StepRef>> TenantPlan::bind(const TenantSpec& spec,
                                                const RecordedTenant* recorded,
                                                const Chain& chain) {
  const bool is_bound = recorded != nullptr && recorded->has_listener && recorded->port;
  const DriftFinding* const lost = context_.find_lost_socket(spec.tenant);
  if (is_bound && lost == nullptr && context_.has_listener(spec.tenant)) {
    return std::optional<StepRef>();
  }
  const std::optional<Port> known = recorded != nullptr ? recorded->port : std::nullopt;
  const bool is_lost = known && context_.is_foreign(*known);
  std::optional<Port> port = known;
  if (!known || is_lost) {
    VC_TRY(const Port leased, context_.ports.lease(holder_of(spec.tenant)));
    port = leased;
  }
  std::string reason = fmt::format("{} is the lowest free port", port->value());
  if (is_lost) {
    reason = fmt::format("another program holds its port {}; {}", known->value(), reason);
  } else if (is_bound && lost != nullptr) {
    reason = drift_reason({lost});
  } else if (is_bound) {
    reason = fmt::format("drift: its listener on port {} is recorded and nobody holds it",
                         port->value());
  }
  const StepRef step = context_.draft.add(BindListener{spec.tenant, *port}, std::move(reason));
  if (recorded == nullptr) {
    context_.draft.need(step, chain.record);
  }
  return std::optional(step);
}

std::optional<StepRef> TenantPlan::lend(const TenantSpec& spec,
                                        const RecordedTenant* recorded,
                                        const Placement& placement,
                                        const Chain& chain) {
  const bool is_there = is_lent(recorded) && *recorded->placement == placement.instance;
  const bool is_rebound = chain.bind || context_.is_rebound(spec.tenant);
  if (is_there && !is_rebound && !context_.is_unserved(spec.tenant)) {
    return std::nullopt;
  }
  LendListener action{spec.tenant, placement.instance, std::nullopt};
  if (is_lent(recorded) && !is_there && context_.find_recorded(*recorded->placement) != nullptr) {
    action.from = recorded->placement;
  }
  const StepRef step =
      context_.draft.add(action, !is_there    ? placement.reason
                                 : chain.bind ? "its listener is bound anew"
                                 : is_rebound ? "its instance may not have its listener of now"
                                              : "its instance did not take it after a restart");
  if (!is_lent(recorded)) {
    context_.draft.need(step, chain.record);
  }
  for (const std::optional<StepRef>& need : {chain.prepare, chain.bind, placement.start}) {
    context_.draft.need(step, need);
  }
  if (action.from) {
    departures_[*action.from].push_back(step);
  }
  return step;
}

Status TenantPlan::make(const TenantSpec& spec, const Placement& placement) {
  const RecordedTenant* const recorded = context_.find_recorded(spec.tenant);
  Chain chain;
  chain.record = record(spec, recorded);
  chain.prepare = prepare(spec, recorded, chain);
  VC_TRY(chain.bind, bind(spec, recorded, chain));
  chain.lend = lend(spec, recorded, placement, chain);
  if (is_lent(recorded) && chain.record) {
    // The instance is told of a change; it must be there, and the one to stay. A tenant whose old
    // instance is dead could not be changed before it has moved.
    context_.draft.need(*chain.record,
                        chain.lend ? chain.lend : homes_.start_of(*recorded->placement));
  }
  std::vector<StepRef> before_routes;
  for (const std::optional<StepRef>& step : {chain.record, chain.lend}) {
    if (step) {
      before_routes.push_back(*step);
    }
  }
  edge_.plan_tenant(spec, before_routes);
  return ok_status();
}

void TenantPlan::remove(const RecordedTenant& recorded) {
  const TenantId& tenant = recorded.spec.tenant;
  std::optional<StepRef> last;
  std::optional<StepRef> edge;
  const auto then = [&](Action action) {
    const StepRef step =
        context_.draft.add(std::move(action), "it is recorded and not desired any more");
    context_.draft.need(step, last);
    context_.draft.need(step, std::exchange(edge, std::nullopt));
    last = step;
    return step;
  };
  if (recorded.phase != TenantPhase::kDeleting || !recorded.routes.empty()) {
    edge_.note_withdrawal(tenant, then(WithdrawRoute{tenant}));
    edge = edge_.after_withdrawal();
  }
  if (recorded.placement) {
    departures_[*recorded.placement].push_back(then(ReclaimListener{tenant, *recorded.placement}));
  }
  if (recorded.has_listener || recorded.port) {
    then(ReleaseListener{tenant});
  }
  // Also where none is recorded: whoever began to prepare it may have failed in the middle, and
  // what is left must neither stay nor become another tenant's of that name.
  then(RetireTenantData{tenant});
  then(DeleteTenant{tenant});
}

const std::vector<StepRef>& TenantPlan::departures(const InstanceId& instance) {
  return departures_[instance];
}

}  // namespace voicectl
