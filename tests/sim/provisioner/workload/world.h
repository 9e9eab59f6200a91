// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/provisioner/daemon/sim_watch.h"
#include "tests/sim/provisioner/workload/clients.h"
#include "tests/sim/provisioner/workload/witness.h"
#include "tests/sim/provisioner/workload/workload.h"

namespace voicectl {

/// The simulated data centre that a story is played in. Its deeds are in world.cpp, what goes wrong
/// in faults.cpp, its laws in laws.cpp. THREADS: one.
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
  static constexpr std::uint16_t kFirstPort = 21000;
  /// From a daemon's death to the next one.
  static constexpr Duration kPause = std::chrono::seconds(3);

  static DesiredState base_state();
  void start_daemon();
  void kill_daemon();
  void advance(Duration length);
  void guarded(const std::function<void()>& act);
  bool is_ready() const {
    return daemon_ != nullptr && daemon_->is_started && !daemon_->plan.is_killed();
  }
  void apply();
  void edit(const Op& op);
  void edit_platform(const Op& op);
  void take_lock(const Op& op);
  /// A program runs before applies: it agrees, refuses or hangs.
  void begin_hook(const LaunchSpec& spec, const ProcessIdentity& who);
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
  void see_hand_over(FakeInstances::HandOverStep step,
                     const std::string& source,
                     const std::string& target);
  enum class RunFolder { kStays, kIsEmptied };
  void lose_power(RunFolder run);
  void touch(const Op& op);
  std::optional<std::string> instance_number(int number) const;
  FakeInstances::Loss deliver(const std::string& name, const control::Message& question);
  void cut(const Op& op);
  void freeze_holder(Duration length);
  void check_always();
  void check_growth();
  void check_forecasts();
  void check_desired();
  void check_rest();
  void check_tenant(const TenantId& name, const RecordedTenant& tenant);
  void check_strays(const Snapshot& recorded);
  void check_leases(const Snapshot& recorded);
  void check_folders(const Snapshot& recorded);
  [[noreturn]] void broken(std::string_view law, const std::string& what) const {
    throw Broken{law, fmt::format("after {}: {}", format_duration(now() - began_), what)};
  }
  MonoTime now() const { return machine_.sim.now(); }
  const Snapshot& stored() const { return machine_.registry->recorded; }

  SimMachine machine_;
  Witness witness_{machine_};
  Clients clients_{machine_};
  /// Nothing is done to it any more: little happens, and callers look in from time to time.
  bool is_resting_ = false;
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
  /// Power went in the middle of the call that the daemon died at.
  bool is_power_lost_ = false;
  /// Which of the next questions to an instance goes lost, and how.
  std::optional<std::pair<int, FakeInstances::Loss>> loss_;
  /// Numbers below those of processes that daemons start.
  int last_stray_ = 100;
  /// How the program ends that runs before applies; absent: it hangs.
  std::optional<ProcessExit> hook_ends_ = FakeProcesses::exited(0);
  /// Who dies at which step of hand-overs.
  std::optional<Op> hand_over_fault_;
  std::int64_t last_forecast_ = 0;
  std::size_t forecasts_ = 0;
  std::vector<WrongForecast> wrong_forecasts_;
  std::vector<double> time_ratios_;
};

}  // namespace voicectl
