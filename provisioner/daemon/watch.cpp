// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/watch.h"

#include "provisioner/daemon/monitor_metrics.h"

namespace voicectl {

Watch::Watch(Deps deps)
    : deps_(std::move(deps)),
      promotion_({deps_.reactor, monitor_, deps_.daemon.recorded(), deps_.daemon.loop(),
                  deps_.daemon.events(), deps_.daemon.hooks(), deps_.host, deps_.daemon.registry(),
                  deps_.daemon.wall()}),
      history_({deps_.reactor, deps_.daemon.wall(), deps_.daemon.registry(), monitor_,
                deps_.daemon.recorded(), deps_.daemon.log(), deps_.host}),
      outboxes_({deps_.daemon.registry(), deps_.daemon.events()}),
      load_({deps_.reactor, deps_.daemon.instances(), deps_.processes, monitor_,
             [this] {
               promotion_.consider();
               history_.turn();
             },
             [this](const InstanceReport& report) {
               history_.hear(report);
               liveness_.note_answer(report.instance);
             },
             [this](const InstanceStats& told) { outboxes_.hear(told); }}),
      liveness_({deps_.reactor, deps_.daemon.instances(), deps_.daemon.recorded(),
                 deps_.daemon.events()}),
      edge_({deps_.reactor, deps_.daemon.recorded(), deps_.probe, deps_.daemon.events(),
             deps_.ca_file}) {}

void Watch::begin() {
  load_.start();
  liveness_.begin();
  edge_.begin();
}

std::string Watch::metrics() const {
  const std::optional<ProcessIdentity> self = deps_.own ? deps_.own() : std::nullopt;
  return render_monitor_metrics(
      {.now = deps_.reactor.now(),
       .monitor = monitor_,
       .recorded = deps_.daemon.recorded().snapshot(),
       .instances = deps_.daemon.instances().observe(),
       .missed_heartbeats = liveness_.missed(),
       .hangs = liveness_.hangs(),
       .failed_samples = load_.failures(),
       .moves = promotion_.counts(),
       .edge = &edge_,
       .outboxes = &outboxes_,
       .host = deps_.host.sample(),
       .own = self ? deps_.processes.sample({*self}).front() : std::nullopt,
       .version = deps_.version,
       .told_at = deps_.daemon.wall().now()});
}

}  // namespace voicectl
