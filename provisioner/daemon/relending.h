// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/backoff.h"
#include "base/os/reactor.h"
#include "provisioner/apply/placement_actions.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/instances/listeners.h"

namespace voicectl {

/// Lends the tenants of an instance again after it had to be restarted, or after their sockets were
/// bound anew, and keeps trying with those that it does not take: nothing else would notice, since
/// they stay recorded as placed there.
///
/// THREADS: loop thread only.
class Relending {
 public:
  struct Deps {
    Reactor& reactor;
    RecordedState& recorded;
    PlacementActions& placement;
    InstanceManager& instances;
    ListenerBank& bank;
    EventLog& events;
    /// An apply may be moving the same tenants: meanwhile nothing is tried again.
    std::function<bool()> is_applying;
    /// The tenant is on its way to another instance, or from one: it is not lent before it is known
    /// where it belongs. Another would have it, too.
    std::function<bool(const TenantId&)> is_placing;
  };

  /// Waits for a tenant to arrive.
  static constexpr Duration kPlacingWait = std::chrono::milliseconds(100);

  /// Waits between tries with one tenant.
  static constexpr BackoffPolicy kWait{.first = std::chrono::seconds(2),
                                       .cap = std::chrono::seconds(60)};

  explicit Relending(Deps deps) : deps_(std::move(deps)) {}

  /// Lends what is recorded as placed on `instance`, which has just become ready.
  void begin(const InstanceId& instance);

  /// Lends to their instances what was bound anew since they got it, and what they may have missed.
  void mend();

  /// Tenants whose instance is ready and is not known to accept on the sockets of now, though
  /// nobody is lending them or will try again.
  std::set<TenantId> rebound() const;

  /// Tenants that their instance, although it is ready, has not taken, and why.
  std::map<TenantId, std::string> unserved() const;

 private:
  /// One tenant and the process that it is lent to: what comes late from an earlier one says
  /// nothing about the present one.
  struct Target {
    TenantId tenant;
    InstanceId instance;
    std::uint64_t series = 0;
  };
  struct Refusal {
    Target target;
    std::string why;
    int attempt = 0;
  };

  void lend(const Target& target);
  void lend_when_placed(const Target& target);
  void take_outcome(const Target& target, const Status& lent);
  void wait(const Target& target, Duration length);
  void try_again(const Target& target);
  /// The tenant is still to be served there, the instance is ready, and does not have it, or not
  /// with the sockets of now.
  bool is_missing(const Target& target) const;
  bool has_old_sockets(const TenantId& tenant, const LentTenant& lent) const;

  Deps deps_;
  std::map<TenantId, Refusal> refused_;
  /// Lent, and not answered.
  std::map<TenantId, std::uint64_t> under_way_;
  /// Newest series of each tenant.
  std::map<TenantId, std::uint64_t> series_;
};

}  // namespace voicectl
