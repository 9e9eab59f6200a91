// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/backoff.h"
#include "base/os/reactor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// Sees to it that instances that did not take a tenant's newest configuration get it in the end:
/// they are asked again, with growing waits, until they have it.
///
/// What is outdated is observed, not remembered: an instance says which generation it has, also to
/// a daemon that has just started.
/// THREADS: loop thread only.
class ConfigDelivery {
 public:
  struct Deps {
    Reactor& reactor;
    RecordedState& recorded;
    InstanceManager& instances;
    EventLog& events;
    /// Has a tenant's instance take its recorded configuration.
    std::function<void(const RecordedTenant& tenant, Completion<void> done)> deliver;
    /// An apply may be changing the same tenants: meanwhile nothing is tried.
    std::function<bool()> is_applying;
  };

  static constexpr BackoffPolicy kWait{.first = std::chrono::seconds(2),
                                       .cap = std::chrono::seconds(60)};

  explicit ConfigDelivery(Deps deps) : deps_(std::move(deps)) {}

  /// Begins to ask, unless nobody is outdated or it is being done already.
  void begin();

  /// Tenants whose ready instance has another configuration than the recorded one, and which. A
  /// newer one is of a change that could not be recorded.
  std::map<TenantId, Generation> outdated() const;
  /// Why, as far as an instance has said; empty if nothing was said yet.
  std::string reason_of(const TenantId& tenant) const;

 private:
  void wait();
  void ask_all();
  void finish_one();
  void take_answer(const TenantId& tenant, const Status& taken);
  void forget_the_mended();

  Deps deps_;
  int attempt_ = 0;
  bool is_waiting_ = false;
  std::size_t open_ = 0;
  std::map<TenantId, std::string> reasons_;
};

}  // namespace voicectl
