// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/placement_actions.h"

#include <fmt/core.h>

#include <algorithm>

#include "provisioner/apply/tenant_actions.h"
#include "provisioner/plan/instance_names.h"

namespace voicectl {
namespace {

/// Room for the tokens of one run of the daemon. Two millions of runs still fit into what every
/// reader of numbers keeps exactly (53 bits).

std::string lease_holder(const InstanceId& instance) {
  return "instance/" + instance.str();
}

RecordedChange put(RecordedTenant tenant) {
  RecordedChange change;
  change.put_tenants.push_back(std::move(tenant));
  return change;
}

/// The tenant is there. An instance that waited for it and has served is not given to the next one:
/// in the same change, so that no failure in between lets it.
RecordedChange put_away_from(const std::optional<InstanceId>& from,
                             RecordedTenant tenant,
                             const RecordedState& recorded) {
  const std::optional<RecordedInstance> left = left_spare(from, tenant.placement, recorded);
  RecordedChange change = put(std::move(tenant));
  if (left) {
    change.put_instances.push_back(*left);
  }
  return change;
}

}  // namespace

std::optional<RecordedInstance> left_spare(const std::optional<InstanceId>& from,
                                           const std::optional<InstanceId>& now,
                                           const RecordedState& recorded) {
  const RecordedInstance* const left =
      from && now != from && spare_instance_number(*from) ? recorded.find_instance(*from) : nullptr;
  if (left == nullptr || left->fate != InstanceFate::kServing) {
    return std::nullopt;
  }
  RecordedInstance out = *left;
  out.fate = InstanceFate::kRetired;
  return out;
}

void PlacementActions::perform(const StartInstance& action, OnActionDone done) {
  if (!action.fingerprint.empty() && program_of(action.fingerprint).empty()) {
    // Another one in its place would be recorded, judged and rolled out as this one.
    done(failed(Error(ErrorCode::kNotFound,
                      fmt::format("cannot start '{}': the copy of program {} is gone from the "
                                  "state folder; roll out one that is there: voicectl upgrade "
                                  "--runtime PATH",
                                  action.instance.str(), action.fingerprint))));
    return;
  }
  // One that is recorded already has tenants that wait for it: it is tried again and again.
  const FirstFailure first_failure = deps_.recorded.find_instance(action.instance) == nullptr
                                         ? FirstFailure::kForget
                                         : FirstFailure::kKeepTrying;
  const InstanceOptions options{action.instance, action.kind, action.admin_port, first_failure,
                                program_of(action.fingerprint)};
  deps_.instances.start(options, [this, action, done](const Result<InstanceReady>& ready) {
    if (ready.has_value()) {
      done(ActionOutcome{ok_status(), put_instance(action)});
      return;
    }
    // What is tried again keeps its port meanwhile: another one than is recorded would be leased to
    // nobody.
    const bool is_kept = is_tried_again(action);
    done(ActionOutcome{ready.error(), is_kept ? put_instance(action) : RecordedChange{}});
  });
}

RecordedChange PlacementActions::put_instance(const StartInstance& action) const {
  RecordedChange change;
  const RecordedInstance* const known = deps_.recorded.find_instance(action.instance);
  change.put_instances.push_back(
      RecordedInstance{action.instance, action.kind, action.admin_port, action.fingerprint,
                       deps_.wall.now(), known == nullptr ? InstanceFate::kServing : known->fate});
  if (known != nullptr && known->admin_port != action.admin_port) {
    change.put_leases.push_back(
        PortLease{known->admin_port, lease_holder(action.instance), deps_.wall.now()});
  }
  change.put_leases.push_back(
      PortLease{action.admin_port, lease_holder(action.instance), std::nullopt});
  return change;
}

bool PlacementActions::is_tried_again(const StartInstance& action) const {
  const std::vector<InstanceView> views = deps_.instances.observe();
  return deps_.recorded.find_instance(action.instance) != nullptr &&
         std::any_of(views.begin(), views.end(), [&](const InstanceView& view) {
           return view.instance == action.instance && view.admin_port == action.admin_port;
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
      // One that it gave back earlier is not given back again: somebody may just be getting it.
      if (lease.holder == lease_holder(action.instance) && !lease.released_at) {
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
  // Whoever has the tenant keeps it, and is lent the new sockets by whoever compares (Relending).
  const std::string path = deps_.files.paths().tenant_socket(action.tenant);
  Status bound = ok_status();
  if (deps_.bank.holds(action.tenant)) {
    const Result<bool> is_lost = deps_.clear_lost_socket(action.tenant);
    if (is_lost.has_error()) {
      bound = is_lost.error();
    } else if (*is_lost) {
      bound = deps_.bank.rebind(action.tenant, path, deps_.socket_access);
    }
  }
  if (bound.has_value()) {
    bound = deps_.bank.bind(action.tenant, path, deps_.socket_access, action.port);
  }
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
  const FencingToken first = first_token_of(deps_.recorded.snapshot().epoch);
  youngest_ = FencingToken{std::max({youngest_, tenant.token, first}).value + 1};
  return youngest_;
}

void PlacementActions::lend(const RecordedTenant& tenant,
                            const InstanceId& instance,
                            FencingToken token,
                            Completion<void> done) {
  deps_.instances.when_reachable(
      instance, [this, tenant, instance, token, done = std::move(done)]() mutable {
        const Result<LendOptions> options = lend_options(tenant, instance, token);
        if (options.has_error()) {
          done(options.error());
          return;
        }
        deps_.instances.lend(*options, std::move(done));
      });
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

ListenerPlaces PlacementActions::places_of(const RecordedTenant& tenant) const {
  return tenant.has_listener && tenant.port
             ? places_of_listeners(deps_.files.paths().tenant_socket(tenant.spec.tenant),
                                   *tenant.port)
             : ListenerPlaces{};
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
                            !view.is_mute && view.tenants.contains(action.tenant));
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
          done(ActionOutcome{ok_status(), put_away_from(action.from, after, deps_.recorded)});
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
      done(ActionOutcome{ok_status(), put_away_from(action.from, placed, deps_.recorded)});
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
          // Who may have it, or is its home, is asked again (Relending), and let go of it before
          // another gets it.
          const bool is_its = reclaimed.has_error() || after.placement == action.instance;
          RecordedTenant kept = after;
          kept.placement = is_its ? std::optional(action.instance) : std::nullopt;
          done(ActionOutcome{why, put_away_from(action.from, kept, deps_.recorded)});
          return;
        }
        lend(after, *action.from, after.token, [action, after, why, done](const Status& returned) {
          // It may have the tenant also where it did not say so: recorded, it is asked again.
          RecordedTenant kept = after;
          kept.placement = action.from;
          const std::string_view state =
              returned.has_error() ? "it is to be taken back by where it was" : "it stays";
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
  deps_.instances.reclaim(
      action.instance, action.tenant, tenant.token,
      [this, from = action.instance, tenant, done](const Status& reclaimed) {
        RecordedTenant after = tenant;
        if (reclaimed.has_value()) {
          after.placement = std::nullopt;
        }
        done(ActionOutcome{reclaimed, put_away_from(from, after, deps_.recorded)});
      });
}

}  // namespace voicectl
