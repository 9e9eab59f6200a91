// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <set>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/reconcile_loop.h"

namespace voicectl {

/// Longest overlap that can be asked for: no call lasts longer, and none is told of later.
inline constexpr std::chrono::hours kLongestSecretOverlap{90 * 24};

/// Replaces the secret that Ultravox signs a tenant's webhooks with.
///
/// A call keeps the secret that it was made with, so the former ones are accepted for a while. What
/// is decided stands in the tenant's secrets.json, which is written at one stroke; its
/// configuration and its instance follow, also after an end of the daemon in between.
/// THREADS: loop thread only.
class WebhookSecretRotation {
 public:
  struct Deps {
    Reactor& reactor;
    const RecordedState& recorded;
    ReconcileLoop& loop;
    TenantFiles& files;
    EventLog& events;
    const WallClock& wall;
  };
  /// REQUIRES: all of `deps` outlives it.
  explicit WebhookSecretRotation(Deps deps);

  /// `done` runs when the tenant's instance makes calls with the new secret: when the former ones
  /// end.
  /// ERRORS: kNotFound for a tenant that is unknown or has no folder; kInvalidArgument for an
  /// overlap out of range; kConflict while an apply runs; kResourceExhausted with too many secrets
  /// that have not ended; kUnavailable if it is rotated, but its instance does not use it yet:
  /// it will, without being asked again.
  void rotate(const TenantId& tenant, std::chrono::seconds overlap, Completion<WallTime> done);

  /// Does the rest of rotations that an earlier run began.
  void finish_all();

 private:
  Status check(const TenantId& tenant, std::chrono::seconds overlap) const;
  void deliver(const TenantId& tenant, Completion<void> done);
  /// Later, and later each time (kKeyWait).
  void try_again(const TenantId& tenant, int failures);
  void finish(const TenantId& tenant, int failures);
  /// Whether its instance has its newest configuration.
  Status is_taken(const TenantId& tenant) const;

  Deps deps_;
  /// Those whose next try is on its way.
  std::set<TenantId> waiting_;
  /// Dies with it, so that what comes later is dropped.
  std::shared_ptr<WebhookSecretRotation*> self_;
};

}  // namespace voicectl
