// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/port_probe.h"

#include <algorithm>
#include <variant>

namespace voicectl {

/// One search: each port is tried once.
class PortProbe::Search {
 public:
  Search(ListenerFactory& listeners, Snapshot& seen, std::uint32_t last)
      : listeners_(listeners), seen_(seen), last_(last) {
    for (const PortLease& lease : seen.leases) {
      if (!lease.released_at) {
        leased_.insert(lease.port);
      }
    }
  }

  enum class Found { kNothing, kForeign };

  /// Tries what `plan` would bind, and where that is in vain some of what comes behind: a range
  /// that somebody else fills must not cost a plan for each of its ports.
  Found look_at(const Plan& plan) {
    Found found = Found::kNothing;
    for (const Step& step : plan.steps) {
      const std::optional<Port> port = port_of(step.action);
      if (port && is_foreign(*port)) {
        found = Found::kForeign;
        look_behind(*port);
      }
    }
    ahead_ *= 2;
    return found;
  }

 private:
  /// The port that an action would bind anew.
  std::optional<Port> port_of(const Action& action) const {
    if (const auto* bind = std::get_if<BindListener>(&action)) {
      // Who holds it is this daemon, which only binds its socket anew.
      return is_held(bind->tenant) ? std::nullopt : std::optional(bind->port);
    }
    const auto* start = std::get_if<StartInstance>(&action);
    // The supervisor of one that is known keeps its port between two processes.
    return start != nullptr && !is_observed(start->instance) ? std::optional(start->admin_port)
                                                             : std::nullopt;
  }

  bool is_observed(const InstanceId& instance) const {
    return std::any_of(seen_.observed.instances.begin(), seen_.observed.instances.end(),
                       [&](const ObservedInstance& one) { return one.instance == instance; });
  }

  bool is_held(const TenantId& tenant) const {
    const std::vector<TenantId>& held = seen_.observed.listeners;
    return std::find(held.begin(), held.end(), tenant) != held.end();
  }

  bool is_foreign(Port port) {
    if (!tried_.insert(port).second) {
      return seen_.observed.foreign_ports.contains(port);
    }
    Result<UniqueFd> bound = listeners_.bind_tcp(port);
    // Any other failure is for the action to tell.
    const bool is_taken = bound.has_error() && bound.error().code() == ErrorCode::kAlreadyExists;
    if (is_taken) {
      seen_.observed.foreign_ports.insert(port);
    }
    if (bound.has_value()) {
      UniqueFd(bound->release()).close();  // nobody has had it
    }
    return is_taken;
  }

  void look_behind(Port port) {
    std::uint32_t number = port.value();
    for (std::uint32_t tries = 0; tries < ahead_ && number < last_; ++tries) {
      const Result<Port> next = Port::make(++number);
      if (next.has_value() && !leased_.contains(*next)) {
        (void)is_foreign(*next);  // notes it
      }
    }
  }

  ListenerFactory& listeners_;
  Snapshot& seen_;
  std::uint32_t last_;
  std::uint32_t ahead_ = 16;
  std::set<Port> leased_;
  std::set<Port> tried_;
};

Result<Plan> PortProbe::plan_around(const DesiredState& desired,
                                    const Snapshot& seen,
                                    const PlanInputs& inputs,
                                    WallTime now) const {
  VC_TRY(Plan plan, make_plan(desired, seen, inputs, now));
  const bool binds = std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
    return std::holds_alternative<BindListener>(step.action) ||
           std::holds_alternative<StartInstance>(step.action);
  });
  if (!binds) {
    return plan;
  }
  Snapshot known = seen;
  Search search(listeners_, known, desired.platform.last_port);
  while (search.look_at(plan) == Search::Found::kForeign) {
    VC_TRY(plan, make_plan(desired, known, inputs, now));
  }
  return plan;
}

}  // namespace voicectl
