// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>

#include "base/ids.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/tenant_stats.h"

namespace voicectl {

/// Makes an event of every tenant's effects that were newly given up, as its instance tells them
/// with its load. Those of which an earlier daemon has told are not told again.
///
/// THREADS: loop thread only.
class OutboxWatch {
 public:
  struct Deps {
    RegistryQueue& registry;
    EventLog& events;
  };
  /// REQUIRES: all of `deps` outlives it.
  explicit OutboxWatch(Deps deps);

  void hear(const InstanceStats& told);
  /// How many of them wait for an operator, as last told.
  std::uint64_t dead_of(const TenantId& tenant) const;

 private:
  void take(const TenantId& tenant, const DeadEffects& dead);
  /// What earlier daemons have told is looked up once, for all tenants.
  void recall();
  void take_recalled(const std::vector<EventRecord>& told);
  void tell(const TenantId& tenant, const DeadEffects& dead);

  Deps deps_;
  enum class Recall { kDue, kAsked, kDone };
  Recall recall_ = Recall::kDue;
  /// The newest entry of which an earlier daemon has told.
  std::map<TenantId, std::uint64_t> told_before_;
  /// As last told.
  std::map<TenantId, DeadEffects> known_;
  /// Dies with it, so that what comes later is dropped.
  std::shared_ptr<OutboxWatch*> self_;
};

}  // namespace voicectl
