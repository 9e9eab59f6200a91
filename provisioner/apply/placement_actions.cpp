// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/placement_actions.h"

#include <fmt/core.h>

#include <algorithm>

#include "provisioner/apply/tenant_actions.h"

namespace voicectl {
namespace {

/// Room for the tokens of one run of the daemon. Two millions of runs still fit into what every
/// reader of numbers keeps exactly (53 bits).
constexpr int kTokenBits = 32;

std::string lease_holder(const InstanceId& instance) {
  return "instance/" + instance.str();
}

RecordedChange put(RecordedTenant tenant) {
  RecordedChange change;
  change.put_tenants.push_back(std::move(tenant));
  return change;
}

}  // namespace

void PlacementActions::perform(const StartInstance& action, OnActionDone done) {
  // One that is recorded already has tenants that wait for it: it is tried again and again.
  const FirstFailure first_failure = deps_.recorded.find_instance(action.instance) == nullptr
                                         ? FirstFailure::kForget
                                         : FirstFailure::kKeepTrying;
  const InstanceOptions options{action.instance, action.kind, action.admin_port, first_failure,
                                program_of(action.fingerprint)};
  deps_.instances.start(options, [this, action, done](const Result<InstanceReady>& ready) {
    if (ready.has_error()) {
      done(failed(ready.error()));
      return;
    }
    RecordedChange change;
    const RecordedInstance* const known = deps_.recorded.find_instance(action.instance);
    change.put_instances.push_back(RecordedInstance{
        action.instance, action.kind, action.admin_port, action.fingerprint, deps_.wall.now(),
        known == nullptr ? InstanceFate::kServing : known->fate});
    if (known != nullptr && known->admin_port != action.admin_port) {
      change.put_leases.push_back(
          PortLease{known->admin_port, lease_holder(action.instance), deps_.wall.now()});
    }
    change.put_leases.push_back(
        PortLease{action.admin_port, lease_holder(action.instance), std::nullopt});
    done(ActionOutcome{ok_status(), std::move(change)});
  });
}

void PlacementActions::perform(const StopInstance& action, OnActionDone done) {
  deps_.instances.stop(action.instance, kStopGrace, [this, action, done](const Status& stopped) {
    if (stopped.has_error()) {
      done(failed(stopped.error()));
      return;
    }
    RecordedChange change;
    change.drop_instances.push_back(action.instance);
    for (const PortLease& lease : deps_.recorded.snapshot().leases) {
      if (lease.holder == lease_holder(action.instance)) {
        change.put_leases.push_back(PortLease{lease.port, lease.holder, deps_.wall.now()});
      }
    }
    done(ActionOutcome{ok_status(), std::move(change)});
  });
}

void PlacementActions::perform(const RetireInstance& action, OnActionDone done) {
  const RecordedInstance* const recorded = deps_.recorded.find_instance(action.instance);
  if (recorded == nullptr) {
    done(failed(
        Error(ErrorCode::kNotFound, fmt::format("cannot replace instance '{}': there is none "
                                                "of that name",
                                                action.instance.str()))));
    return;
  }
  RecordedChange change;
  change.put_instances.push_back(*recorded);
  change.put_instances.back().fate = InstanceFate::kRetired;
  done(ActionOutcome{ok_status(), std::move(change)});
}

void PlacementActions::perform(const SetPrograms& action, OnActionDone done) {
  RecordedChange change;
  change.programs = action.programs;
  for (const auto& [instance, fate] : action.fates) {
    const RecordedInstance* const recorded = deps_.recorded.find_instance(instance);
    if (recorded != nullptr) {  // one that has stopped meanwhile has no fate any more
      change.put_instances.push_back(*recorded);
      change.put_instances.back().fate = fate;
    }
  }
  done(ActionOutcome{ok_status(), std::move(change)});
}

std::string PlacementActions::program_of(const std::string& fingerprint) const {
  return deps_.programs.find(fingerprint).value_or("");
}

void PlacementActions::perform(const BindListener& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  if (tenant.has_error()) {
    done(failed(tenant.error()));
    return;
  }
  if (!deps_.bank.holds(action.tenant)) {
    tenant->placement = std::nullopt;  // bound anew, it is lent to nobody
  }
  const Status bound =
      deps_.bank.bind(action.tenant, deps_.files.paths().tenant_socket(action.tenant),
                      deps_.socket_access, action.port);
  if (bound.has_error()) {
    done(failed(bound.error()));
    return;
  }
  const std::optional<Port> before = tenant->port;
  tenant->has_listener = true;
  tenant->port = action.port;
  RecordedChange change = put(*tenant);
  const std::string holder = "tenant/" + action.tenant.str();
  if (before && *before != action.port) {
    change.put_leases.push_back(PortLease{*before, holder, deps_.wall.now()});
  }
  change.put_leases.push_back(PortLease{action.port, holder, std::nullopt});
  done(ActionOutcome{ok_status(), std::move(change)});
}

void PlacementActions::perform(const ReleaseListener& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  if (tenant.has_error()) {
    done(failed(tenant.error()));
    return;
  }
  const Status released =
      deps_.bank.release(action.tenant, deps_.files.paths().tenant_socket(action.tenant));
  if (released.has_error()) {
    done(failed(released.error()));
    return;
  }
  const std::optional<Port> port = tenant->port;
  tenant->has_listener = false;
  tenant->port = std::nullopt;
  RecordedChange change = put(*tenant);
  if (port) {
    change.put_leases.push_back(
        PortLease{*port, "tenant/" + action.tenant.str(), deps_.wall.now()});
  }
  done(ActionOutcome{ok_status(), std::move(change)});
}

FencingToken PlacementActions::next_token(const RecordedTenant& tenant) {
  const std::uint64_t first = deps_.recorded.snapshot().epoch.value << kTokenBits;
  youngest_ = FencingToken{std::max({youngest_.value, tenant.token.value, first}) + 1};
  return youngest_;
}

void PlacementActions::lend(const RecordedTenant& tenant,
                            const InstanceId& instance,
                            FencingToken token,
                            Completion<void> done) {
  const Result<LendOptions> options = lend_options(tenant, instance, token);
  if (options.has_error()) {
    done(options.error());
    return;
  }
  deps_.instances.lend(*options, std::move(done));
}

Result<LendOptions> PlacementActions::lend_options(const RecordedTenant& tenant,
                                                   const InstanceId& instance,
                                                   FencingToken token) const {
  const TenantId& name = tenant.spec.tenant;
  const std::optional<ListenerDescriptors> listeners = deps_.bank.descriptors(name);
  if (!listeners) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot lend tenant '{}': its listener is not bound", name.str()));
  }
  VC_TRY(deps_.ensure_config(tenant));
  return LendOptions{instance,
                     name,
                     tenant.generation,
                     token,
                     deps_.files.paths().tenant_config(name),
                     deps_.files.paths().tenant_data(name),
                     *listeners};
}

void PlacementActions::lend_again(const RecordedTenant& tenant, Completion<void> done) {
  if (!tenant.placement) {
    done(ok_status());
    return;
  }
  lend(tenant, *tenant.placement, tenant.token, std::move(done));
}

void PlacementActions::forget_listener(const TenantId& tenant) {
  // A file that stays behind is replaced when its path is bound again.
  (void)deps_.bank.release(tenant, deps_.files.paths().tenant_socket(tenant));
}

void PlacementActions::perform(const LendListener& action, OnActionDone done) {
  Result<RecordedTenant> found = require_tenant(deps_.recorded, action.tenant);
  if (found.has_error()) {
    done(failed(found.error()));
    return;
  }
  if (action.from && *action.from != action.instance && can_hand_over(action)) {
    hand_over(action, *found, std::move(done));
  } else {
    take_and_lend(action, *found, done);
  }
}

bool PlacementActions::can_hand_over(const LendListener& action) const {
  bool is_there = false;
  bool is_ready = false;
  for (const InstanceView& view : deps_.instances.observe()) {
    is_there = is_there || (view.instance == *action.from && view.state == InstanceState::kReady &&
                            view.tenants.contains(action.tenant));
    is_ready =
        is_ready || (view.instance == action.instance && view.state == InstanceState::kReady);
  }
  return is_there && is_ready;
}

void PlacementActions::hand_over(const LendListener& action,
                                 const RecordedTenant& tenant,
                                 OnActionDone done) {
  const Result<LendOptions> to = lend_options(tenant, action.instance, tenant.token);
  if (to.has_error()) {
    done(failed(to.error()));
    return;
  }
  OnHandOverProgress on_progress;
  if (deps_.on_hand_over_progress) {
    on_progress = [this, action](const handoff::HandOverProgress& progress) {
      deps_.on_hand_over_progress(action, progress);
    };
  }
  deps_.migrator.move(
      Move{*action.from, *to, [this, tenant] { return next_token(tenant); },
           [this, tenant](Completion<void> taken) {
             deps_.deliver_config(tenant, std::move(taken));
           },
           std::move(on_progress)},
      [this, action, tenant, done = std::move(done)](const MoveOutcome& outcome) {
        if (deps_.on_hand_over) {
          deps_.on_hand_over(action, outcome);
        }
        RecordedTenant after = tenant;
        if (outcome.verdict == Verdict::kMoved) {
          after.token = outcome.token;
          after.placement = action.instance;
          done(ActionOutcome{ok_status(), put(after)});
        } else if (outcome.remedy == Remedy::kLend) {
          take_and_lend(action, after, done);
        } else {
          after.token = std::max(after.token, outcome.token);
          done(ActionOutcome{outcome.why.with_context(fmt::format(
                                 "moving it to '{}' (it stays, as if nothing had happened)",
                                 action.instance.str())),
                             put(after)});
        }
      });
}

void PlacementActions::take_and_lend(const LendListener& action,
                                     RecordedTenant tenant,
                                     const OnActionDone& done) {
  tenant.token = next_token(tenant);
  const auto go_on = [this, action, tenant, done](const Status& reclaimed) {
    if (reclaimed.has_error()) {
      done(ActionOutcome{
          reclaimed.error().with_context(fmt::format("taking it from '{}'", action.from->str())),
          put(tenant)});
      return;
    }
    lend(tenant, action.instance, tenant.token, [this, action, tenant, done](const Status& lent) {
      if (lent.has_error()) {
        give_back(action, tenant, lent.error(), done);
        return;
      }
      RecordedTenant placed = tenant;
      placed.placement = action.instance;
      done(ActionOutcome{ok_status(), put(placed)});
    });
  };
  if (action.from && *action.from != action.instance) {
    deps_.instances.reclaim(*action.from, action.tenant, tenant.token, go_on);
  } else {
    go_on(ok_status());
  }
}

void PlacementActions::give_back(const LendListener& action,
                                 const RecordedTenant& tenant,
                                 const Error& why,
                                 const OnActionDone& done) {
  // The new instance may hold the tenant although its answer is missing: it must let go first.
  RecordedTenant after = tenant;
  after.token = next_token(tenant);
  deps_.instances.reclaim(
      action.instance, action.tenant, after.token,
      [this, action, after, why, done](const Status& reclaimed) {
        if (reclaimed.has_error() || !action.from) {
          RecordedTenant nowhere = after;
          nowhere.placement = std::nullopt;
          done(ActionOutcome{why, put(nowhere)});
          return;
        }
        lend(after, *action.from, after.token, [action, after, why, done](const Status& returned) {
          RecordedTenant kept = after;
          if (returned.has_error()) {
            kept.placement = std::nullopt;
          }
          const std::string_view state = returned.has_error() ? "it is nowhere now" : "it stays";
          done(ActionOutcome{
              why.with_context(fmt::format("moving it to '{}' ({})", action.instance.str(), state)),
              put(kept)});
        });
      });
}

void PlacementActions::perform(const ReclaimListener& action, OnActionDone done) {
  Result<RecordedTenant> found = require_tenant(deps_.recorded, action.tenant);
  if (found.has_error()) {
    done(failed(found.error()));
    return;
  }
  RecordedTenant tenant = *found;
  tenant.token = next_token(tenant);
  deps_.instances.reclaim(action.instance, action.tenant, tenant.token,
                          [tenant, done](const Status& reclaimed) {
                            RecordedTenant after = tenant;
                            if (reclaimed.has_value()) {
                              after.placement = std::nullopt;
                            }
                            done(ActionOutcome{reclaimed, put(after)});
                          });
}

}  // namespace voicectl
