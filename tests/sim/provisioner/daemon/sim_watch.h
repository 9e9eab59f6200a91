// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/daemon/live_load.h"
#include "provisioner/daemon/status_view.h"
#include "provisioner/daemon/watch.h"
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

/// A machine of which nothing is known but what a test says.
class SimHost final : public HostSource {
 public:
  HostUsage sample() override {
    ++looks;
    return usage;
  }
  HostUsage usage{};
  std::size_t looks = 0;
};

/// The watch of a simulated daemon, as the real one has it. It must end before its daemon.
struct SimWatch {
  explicit SimWatch(SimDaemon& daemon)
      : processes(daemon.loop),
        watch({daemon.loop, *daemon.daemon, processes, host, daemon.probe, "", {}, "simulated"}),
        watched(daemon) {
    daemon.load = [this] { return live_load(watch.load()); };
  }
  ~SimWatch() { watched.load = nullptr; }
  /// What 'voicectl status' is told to be wrong.
  std::vector<std::string> problems() { return status()["problems"]; }
  Json status() {
    Daemon& daemon = *watched.daemon;
    return StatusView({daemon.loop(),
                       daemon.recorded(),
                       daemon.instances(),
                       daemon.edge(),
                       daemon.drift(),
                       watched.loop,
                       {},
                       "simulated",
                       "nobody",
                       0,
                       [this] { return watch.load(); },
                       [this] { return watch.liveness().missed(); },
                       watch.edge(),
                       [] { return HostUsage{}; }})
        .status();
  }
  SimWatch(const SimWatch&) = delete;
  SimWatch& operator=(const SimWatch&) = delete;

  IdleProcesses processes;
  SimHost host;
  Watch watch;
  SimDaemon& watched;
};

}  // namespace voicectl
