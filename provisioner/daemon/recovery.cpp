// SPDX-License-Identifier: Apache-2.0
// What a daemon does first: finds out what an earlier run left, and makes records and machine
// agree.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/plan/plan_context.h"

namespace voicectl {
namespace {

/// Who has each tenant. The younger of two leases wins: it was given out later. Where that is one
/// that is only claimed, nobody has the tenant: who claims it must not get it, and who is recorded
/// would be behind what may have been served since. It is lent anew.
std::map<TenantId, RegainedTenant> youngest_leases(const AdoptReport& report) {
  std::map<TenantId, RegainedTenant> out;
  for (const RegainedTenant& regained : report.regained) {
    const auto known = out.find(regained.tenant);
    if (known == out.end() || known->second.token < regained.token) {
      out.insert_or_assign(regained.tenant, regained);
    }
  }
  std::erase_if(out, [](const auto& lease) { return lease.second.is_only_claimed; });
  return out;
}

/// Tenants that the earlier run was giving to an instance: each is there, or where it was.
std::vector<LendListener> moves_begun(const std::vector<JournalEntry>& open_intents) {
  std::vector<LendListener> out;
  for (const JournalEntry& intent : open_intents) {
    const Result<Action> action = parse_action(intent.action);
    if (action.has_value() && std::holds_alternative<LendListener>(*action)) {
      out.push_back(std::get<LendListener>(*action));
    }
  }
  return out;
}

bool is_adopted(const AdoptReport& report, const InstanceId& instance) {
  return std::find(report.adopted.begin(), report.adopted.end(), instance) != report.adopted.end();
}

ClosedAction closed_by_recovery(const JournalEntry& intent) {
  return {intent.number,
          JournalState::kFailed,
          "the daemon ended meanwhile; examined and planned again",
          {}};
}

/// Instances that waited for a tenant and have served one are not given to the next.
void put_away_spares(RecordedChange& change, const RecordedState& recorded) {
  for (const RecordedTenant& tenant : change.put_tenants) {
    const RecordedTenant* const before = recorded.find_tenant(tenant.spec.tenant);
    if (const auto left = left_spare(before->placement, tenant.placement, recorded)) {
      change.put_instances.push_back(*left);
    }
  }
}

/// What is to become of an instance by `change`, or has: nullopt if it is not known.
std::optional<InstanceFate> fate_after(const RecordedChange& change,
                                       const RecordedState& recorded,
                                       const InstanceId& instance) {
  const RecordedInstance* const before = recorded.find_instance(instance);
  auto out = before == nullptr ? std::nullopt : std::optional(before->fate);
  for (const RecordedInstance& put : change.put_instances) {
    out = put.instance == instance ? put.fate : out;
  }
  return out;
}

}  // namespace

void ReconcileLoop::start(std::vector<JournalEntry> open_intents, std::function<void()> done) {
  if (const Status served = deps_.certificates.publish_all(); served.has_error()) {
    deps_.log.error("certificates.not_served", {{"error", served.error()}});
  }
  deps_.adopt_edge([this, open_intents = std::move(open_intents),
                    done = std::move(done)](const Result<bool>& adopted) mutable {
    if (adopted.has_error()) {
      deps_.log.warn("edge.not_adopted", {{"error", adopted.error()}});
    }
    if (const Status routes = deps_.edge_actions.publish_recorded_routes(); routes.has_error()) {
      deps_.log.error("routes.not_published", {{"error", routes.error()}});
    }
    adopt_instances(std::move(open_intents), std::move(done));
  });
}

/// What the earlier run was starting. An intent that was written although the registry said that it
/// was not is none: the instance may have been started since, by another one, on another port or
/// another program on the same one. Where no note can be read, what is recorded is believed.
std::vector<StartInstance> ReconcileLoop::starts_begun(
    const std::vector<JournalEntry>& open_intents) const {
  std::vector<StartInstance> out;
  for (const JournalEntry& intent : open_intents) {
    const Result<Action> action = parse_action(intent.action);
    const auto* start = action.has_value() ? std::get_if<StartInstance>(&*action) : nullptr;
    if (start == nullptr) {
      continue;
    }
    const RecordedInstance* const recorded = deps_.recorded.find_instance(start->instance);
    const std::optional<Port> noted = deps_.instances.noted_port(start->instance);
    const bool is_older = recorded != nullptr && recorded->admin_port == start->admin_port &&
                          recorded->started_at > intent.opened_at;
    if (noted ? *noted == start->admin_port && !is_older : recorded == nullptr) {
      out.push_back(*start);
    }
  }
  return out;
}

void ReconcileLoop::adopt_instances(std::vector<JournalEntry> open_intents,
                                    std::function<void()> done) {
  std::map<InstanceId, AdoptRecord> known;
  for (const auto& [id, instance] : deps_.recorded.snapshot().instances) {
    known.emplace(id, AdoptRecord{id, instance.kind, instance.admin_port,
                                  deps_.placement.program_of(instance.fingerprint)});
  }
  const std::vector<StartInstance> begun = starts_begun(open_intents);
  for (const StartInstance& start : begun) {
    // One that runs was started by this: on the port that it names, whatever was recorded before.
    known.insert_or_assign(start.instance,
                           AdoptRecord{start.instance, start.kind, start.admin_port,
                                       deps_.placement.program_of(start.fingerprint)});
  }
  note_tenants(known, open_intents);
  std::vector<AdoptRecord> records;
  for (auto& [id, record] : known) {
    records.push_back(std::move(record));
  }
  deps_.instances.adopt(records, [this, begun, open_intents = std::move(open_intents),
                                  done = std::move(done)](const Result<AdoptReport>& report) {
    if (report.has_error()) {
      deps_.log.error("instances.not_adopted", {{"error", report.error()}});
    }
    const AdoptReport found = report.has_error() ? AdoptReport{} : *report;
    for (const LeftAlone& alone : found.left_alone) {
      deps_.log.error("instance.left_alone", {{"instance", alone.instance}, {"error", alone.why}});
    }
    deps_.events.add("daemon.started", "daemon",
                     dump_json({{"adopted", found.adopted.size()},
                                {"lost", found.lost.size()},
                                {"ended", found.ended.size()},
                                {"regained", found.regained.size()},
                                {"open_intents", open_intents.size()}}));
    settle_placements(found, begun, open_intents, done);
  });
}

void ReconcileLoop::note_tenants(std::map<InstanceId, AdoptRecord>& known,
                                 const std::vector<JournalEntry>& open_intents) const {
  const auto note = [&](const RecordedTenant& tenant, const InstanceId& instance) {
    if (const auto found = known.find(instance); found != known.end()) {
      found->second.tenants.try_emplace(tenant.spec.tenant, deps_.placement.places_of(tenant));
    }
  };
  for (const auto& [name, tenant] : deps_.recorded.snapshot().tenants) {
    if (tenant.placement) {
      note(tenant, *tenant.placement);
    }
  }
  for (const LendListener& move : moves_begun(open_intents)) {
    if (const RecordedTenant* const tenant = deps_.recorded.find_tenant(move.tenant)) {
      note(*tenant, move.instance);
      if (move.from) {
        note(*tenant, *move.from);
      }
    }
  }
}

RecordedChange ReconcileLoop::change_after(const AdoptReport& report,
                                           const std::vector<StartInstance>& begun) const {
  RecordedChange change;
  const std::map<TenantId, RegainedTenant> leases = youngest_leases(report);
  for (const auto& [name, recorded] : deps_.recorded.snapshot().tenants) {
    const auto lease = leases.find(name);
    RecordedTenant tenant = recorded;
    if (lease != leases.end()) {
      tenant.placement = lease->second.instance;
      tenant.token = std::max(tenant.token, lease->second.token);
    } else if (tenant.placement) {
      // Its instance died, or has let go since the earlier run died between taking back and
      // lending; either is lent again what is recorded as placed there. Nobody can tell with which
      // token it was served last: the earlier run may have given out one that it could not record,
      // and the tenant's store has met it.
      tenant.token = deps_.placement.next_token(recorded);
    }
    if (tenant.placement != recorded.placement || tenant.token != recorded.token) {
      change.put_tenants.push_back(tenant);
    }
  }
  put_away_spares(change, deps_.recorded);
  for (const StartInstance& start : begun) {
    if (!is_adopted(report, start.instance)) {
      continue;
    }
    const RecordedInstance* const before = deps_.recorded.find_instance(start.instance);
    change.put_instances.push_back(RecordedInstance{
        start.instance, start.kind, start.admin_port, start.fingerprint, deps_.wall.now(),
        fate_after(change, deps_.recorded, start.instance).value_or(InstanceFate::kServing)});
    const std::string holder = holder_of(start.instance);
    if (before != nullptr && before->admin_port != start.admin_port) {
      change.put_leases.push_back(PortLease{before->admin_port, holder, deps_.wall.now()});
    }
    change.put_leases.push_back(PortLease{start.admin_port, holder, std::nullopt});
  }
  return change;
}

void ReconcileLoop::take_back_doubles(const AdoptReport& report) {
  const std::map<TenantId, RegainedTenant> leases = youngest_leases(report);
  for (const RegainedTenant& regained : report.regained) {
    const auto owner = leases.find(regained.tenant);
    const RecordedTenant* const recorded = deps_.recorded.find_tenant(regained.tenant);
    const bool is_known = recorded != nullptr;
    if (is_known && owner != leases.end() && owner->second.instance == regained.instance) {
      continue;
    }
    if (regained.is_only_claimed) {
      deps_.log.warn("tenant.only_claimed",
                     {{"tenant", regained.tenant}, {"instance", regained.instance}});
    }
    // None that it can have is above the first of this run.
    const FencingToken token = owner != leases.end() ? owner->second.token
                               : is_known            ? deps_.placement.next_token(*recorded)
                                          : first_token_of(deps_.recorded.snapshot().epoch);
    deps_.instances.reclaim(regained.instance, regained.tenant, token,
                            [this, is_known, tenant = regained.tenant](const Status& reclaimed) {
                              if (reclaimed.has_error()) {
                                deps_.log.error("tenant.not_reclaimed",
                                                {{"tenant", tenant}, {"error", reclaimed.error()}});
                              } else if (!is_known) {
                                deps_.placement.forget_listener(tenant);
                              }
                            });
  }
}

void ReconcileLoop::settle_placements(const AdoptReport& report,
                                      const std::vector<StartInstance>& begun,
                                      const std::vector<JournalEntry>& open_intents,
                                      std::function<void()> done) {
  take_back_doubles(report);
  close_intents(open_intents, change_after(report, begun), [this, done] {
    // Once, by whichever comes first: a machine that does not converge must be looked at, too.
    const auto told = std::make_shared<std::function<void()>>(done);
    const auto tell = [told] {
      if (*told) {
        std::exchange(*told, nullptr)();
      }
    };
    deps_.reactor.call_after(kStartPatience, tell);
    rollout_.tell_of_unfinished();
    converge("start of the daemon", [this, tell] {
      converge_later();
      keys_.begin();
      delivery_.begin();
      tell();
    });
  });
}

void ReconcileLoop::close_intents(const std::vector<JournalEntry>& open_intents,
                                  RecordedChange change,
                                  std::function<void()> done) {
  if (open_intents.empty() && is_empty(change)) {
    done();
    return;
  }
  JournalEntry own;
  own.kind = "recover";
  own.subject = "daemon";
  own.epoch = deps_.recorded.snapshot().epoch;
  own.key = fmt::format("recover-{}", own.epoch.value);
  own.opened_at = deps_.wall.now();
  const auto opened = std::make_shared<std::optional<std::int64_t>>();
  const auto work = [open_intents, change, own, opened](Registry& registry) -> Result<Generation> {
    VC_TRY(const std::vector<std::int64_t> numbers, registry.open_actions({own}));
    *opened = numbers.front();
    std::vector<ClosedAction> closed;
    for (const JournalEntry& intent : open_intents) {
      closed.push_back(closed_by_recovery(intent));
    }
    closed.push_back(ClosedAction{numbers.front(), JournalState::kDone, "", change});
    return registry.close_actions(closed);
  };
  deps_.registry.run<Generation>(
      work, [this, open_intents, change, own, opened, done](const Result<Generation>& generation) {
        if (generation.has_error()) {
          deps_.log.error("recovery.not_recorded", {{"error", generation.error()}});
          // It is so all the same: whoever plans from what was recorded before would give tenants a
          // second owner.
          for (const JournalEntry& intent : open_intents) {
            deps_.executor.believe(closed_by_recovery(intent));
          }
          deps_.executor.believe(ClosedAction{opened->value_or(0), JournalState::kDone, "", change},
                                 *opened ? std::nullopt : std::optional(own));
        } else {
          deps_.recorded.acknowledge(change, *generation);
        }
        done();
      });
}

}  // namespace voicectl
