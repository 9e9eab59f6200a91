// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/os/reactor.h"
#include "monitor/host_source.h"
#include "monitor/instance_monitor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/monitor_metrics.h"
#include "provisioner/daemon/reconcile_loop.h"

namespace voicectl {

/// Does what the monitor decides, if its mode is on: records the wish, as an action of its own, and
/// has the loop plan again, which moves the tenant with its connections. A move within the pool is
/// no wish: it is carried out as one that 'voicectl pool rebalance' asks for. In the other modes it
/// only tells.
///
/// One move is under way at a time, and none while anything else is: an operator's apply is never
/// held up. What could not be moved stays where it is and is tried again, later and later.
/// THREADS: loop thread only.
class PromotionDriver {
 public:
  struct Deps {
    Reactor& reactor;
    InstanceMonitor& monitor;
    const RecordedState& recorded;
    ReconcileLoop& loop;
    EventLog& events;
    HookRunner& hooks;
    HostSource& host;
    RegistryQueue& registry;
    const WallClock& wall;
  };
  /// REQUIRES: all outlive it.
  explicit PromotionDriver(Deps deps)
      : deps_(deps), self_(std::make_shared<PromotionDriver*>(this)) {}

  /// Decides with what was seen so far. Called once for each round of samples. The first thing it
  /// does is to look up who was moved by the daemon before: their cooldowns go on.
  void consider();

  const MoveCounts& counts() const { return counts_; }

 private:
  void recall();
  void take_recalled(const std::vector<EventRecord>& demotions);
  /// What the host has left: looked at once for each round at most.
  HostRoom room();
  void tell_news();
  void act();
  void move(const PromotionDecision& decision);
  void record(const PromotionDecision& decision, const Json& facts);
  /// `facts` are for the hooks behind it; null: none are run.
  void settle(const TenantId& tenant, const Json& facts);
  void settled(const TenantId& tenant, const Json& facts);
  /// Whether the tenant is where it was to go.
  bool note_end(const TenantId& tenant);
  /// The move under way is over without effect.
  void not_moved(const TenantId& tenant, const std::string& error);
  void tell_not_moved(const TenantId& tenant, const std::string& why);
  /// It does not move and was not tried: that is told, and not counted as a failure.
  void tell_refusal(const TenantId& tenant, const std::string& why);
  /// Hooks take their time, and people act meanwhile.
  Status check_again(const PromotionDecision& decision);
  void note_took();
  void even_out();
  Status begin_even_out(const BalanceMove& move);

  Deps deps_;
  enum class Recall { kDue, kAsked, kDone };
  Recall recall_ = Recall::kDue;
  /// Dies with it, so that what comes later is dropped.
  std::shared_ptr<PromotionDriver*> self_;
  std::optional<std::pair<MonoTime, HostRoom>> room_;
  bool is_moving_ = false;
  /// When the move under way was decided.
  MonoTime decided_at_;
  MoveCounts counts_;
  /// Told last: who would be moved within the pool.
  std::optional<TenantId> told_rebalance_;
};

/// A decision for events and the API: {"kind"|null,"rule","reason","otherwise":[...],
/// "measures":[{"name","unit","value"|null,"high","low","busy_s"|null,"quiet_s"|null}]}.
Json describe_decision(const PromotionDecision& decision);

}  // namespace voicectl
