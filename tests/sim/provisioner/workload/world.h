// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/provisioner/daemon/sim_watch.h"
#include "tests/sim/provisioner/workload/workload.h"

namespace voicectl {

/// Thrown when a law is broken; caught where the story is played.
struct Broken {
  std::string what;
};

/// The simulated data centre that a story is played in. Its deeds are in world.cpp, its laws in
/// laws.cpp. THREADS: one.
class World {
 public:
  World();
  ~World() { kill_daemon(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void perform(const Op& op);
  void heal_and_rest();

  void fill(Played& played) const;

 private:
  static DesiredState base_state();
  void start_daemon();
  void kill_daemon();
  void advance(Duration length);
  void guarded(const std::function<void()>& act);
  bool is_ready() const { return daemon_ != nullptr && daemon_->is_started; }
  void apply();
  void edit(const Op& op);
  void operate(const Op& op);
  using Act = std::function<void(World&, const Op&)>;
  static const std::map<Deed, Act>& acts();
  void plan_fault(const Op& op);
  void hurt_instance(const Op& op);
  void set_disk_full(bool is_full);
  void set_start(std::optional<Duration> ready_after);
  void vacate_ports();
  void move(const Op& op);
  void restart(const Op& op);
  void upgrade(const Op& op);
  void crash_in_hand_over(const Op& op);
  void lose_power();
  std::optional<std::string> instance_number(int number) const;
  std::optional<Result<std::string>> look_at_request(const std::string& name,
                                                     const control::Message& question);
  void check_always();
  void check_growth();
  void check_forecasts();
  void check_desired();
  void check_rest();
  void check_tenant(const TenantId& name, const RecordedTenant& tenant);
  void check_strays(const Snapshot& recorded);
  [[noreturn]] void broken(const std::string& what) const {
    throw Broken{fmt::format("after {}: {}", format_duration(now() - began_), what)};
  }
  MonoTime now() const { return machine_.sim.now(); }
  const Snapshot& stored() const { return machine_.registry->recorded; }

  SimMachine machine_;
  std::unique_ptr<SimDaemon> daemon_;
  std::unique_ptr<SimWatch> watch_;
  std::optional<MonoTime> restart_at_;
  DesiredState desired_;
  /// What a daemon may know as the desired state: the last that it said it accepted, and those that
  /// were asked for since.
  std::vector<std::optional<DesiredState>> accepted_{std::nullopt};
  std::map<std::pair<TenantId, WallTime>, FencingToken> tokens_;
  Epoch epoch_;
  Generation generation_;
  MonoTime began_ = machine_.sim.now();
  std::size_t calls_ = 0;
  std::size_t daemons_ = 0;
  /// Something has gone wrong.
  bool is_hurt_ = false;
  std::int64_t last_forecast_ = 0;
  std::size_t forecasts_ = 0;
  std::size_t wrong_forecasts_ = 0;
  std::vector<double> time_ratios_;
  std::optional<std::string> stopped_with_tenants_;
};

}  // namespace voicectl
