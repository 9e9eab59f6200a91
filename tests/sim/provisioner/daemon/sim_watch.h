// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "provisioner/daemon/load_feed.h"
#include "provisioner/daemon/promotion_driver.h"
#include "tests/sim/provisioner/daemon/sim_daemon.h"

namespace voicectl {

/// Every process is nearly idle.
class IdleProcesses final : public LoadSource {
 public:
  explicit IdleProcesses(const Clock& clock) : clock_(clock) {}
  std::vector<std::optional<ProcessUsage>> sample(
      const std::vector<ProcessIdentity>& processes) override {
    ProcessUsage usage;
    usage.cpu_time = clock_.now().time_since_epoch() / 1000;
    return std::vector<std::optional<ProcessUsage>>(processes.size(), usage);
  }

 private:
  const Clock& clock_;
};

/// The monitor of a simulated daemon, as the real one has it. It must end before its daemon.
struct SimWatch {
  explicit SimWatch(SimDaemon& daemon)
      : processes(daemon.loop),
        driver({daemon.loop, monitor, daemon.daemon->recorded(), daemon.daemon->loop(),
                daemon.daemon->events()}),
        feed({daemon.loop, daemon.daemon->instances(), processes, monitor,
              [this] { driver.consider(); }}) {}

  IdleProcesses processes;
  InstanceMonitor monitor;
  PromotionDriver driver;
  LoadFeed feed;
};

}  // namespace voicectl
