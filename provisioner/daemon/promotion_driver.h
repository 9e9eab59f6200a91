// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "base/os/reactor.h"
#include "monitor/instance_monitor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/reconcile_loop.h"

namespace voicectl {

/// Does what the monitor decides, if its mode is on: records the wish, as an action of its own, and
/// has the loop plan again, which moves the tenant with its connections. In the other modes it only
/// tells.
///
/// One wish is under way at a time, and none while anything else is: an operator's apply is never
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
  };
  /// REQUIRES: all outlive it.
  explicit PromotionDriver(Deps deps) : deps_(deps) {}

  /// Decides with what was seen so far. Called once for each round of samples.
  void consider();

 private:
  void tell_news();
  void act();
  void move(const PromotionDecision& decision);
  void settle(const TenantId& tenant);

  Deps deps_;
  bool is_moving_ = false;
};

/// A decision for events and the API: {"kind"|null,"rule","reason","otherwise":[...],
/// "measures":[{"name","unit","value"|null,"high","low","busy_s"|null,"quiet_s"|null}]}.
Json describe_decision(const PromotionDecision& decision);

}  // namespace voicectl
