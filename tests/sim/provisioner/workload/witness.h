// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/control/protocol.h"
#include "tests/sim/provisioner/daemon/sim_daemon.h"

namespace voicectl {

/// Thrown when a law is broken; caught where the story is played.
struct Broken {
  std::string_view law;
  std::string what;
};

/// Whether the monitor could see all load.
enum class Sight { kClear, kHidden };

/// Sees every question to an instance, every start of a process, every record and every simulated
/// second, and remembers the first law that is broken: what a look at the state cannot tell any
/// more a moment later.
class Witness {
 public:
  /// Hooks itself into the machine, which must outlive it.
  explicit Witness(SimMachine& machine);

  void see_question(const std::string& instance, const control::Message& question);
  /// `believed`: what the daemon believes is recorded; nullptr while none is ready.
  void see_second(const Snapshot* believed);
  void see_load(const TenantId& tenant, std::uint64_t sessions);
  void see_mute(const std::string& instance);
  /// Another daemon knows of what the one before had decided what is recorded of it.
  void see_new_daemon();
  /// The calendar was set: how long ago something was recorded cannot be told from it any more.
  void see_jump();
  /// From here on something may fail.
  void see_fault(Sight sight) {
    is_hurt_ = true;
    is_load_hidden_ = is_load_hidden_ || sight == Sight::kHidden;
  }
  /// A call that changes a file said that it had: "replace <path>".
  void see_lie(std::string_view call) { lies_.emplace(call.substr(call.find(' ') + 1)); }

  bool is_hurt() const { return is_hurt_; }
  const std::optional<Broken>& broken() const { return broken_; }

 private:
  void see_record();
  void see_start(const LaunchSpec& spec);
  void see_tokens();
  void see_ports();
  void see_recorded_instances();
  void see_failures();
  void see_published();
  void see_kept_listeners(bool is_daemon_ready);
  void see_hung(bool is_daemon_ready);
  void see_places(const Snapshot* believed);
  void note_refusals(const std::string& line);
  /// What is wrong with the place where the tenant is believed to be; empty: nothing, or it is on
  /// its way, or its instance is in no state to have it.
  std::string wrong_place(const TenantId& name, const RecordedTenant& tenant) const;
  void see_decisions();
  void judge_decision(const std::string& line, bool is_promotion);
  void judge_stop(const std::string& instance);
  void judge_configuration(const control::Message& question);
  void judge_intent(const std::string& instance, const control::Message& question);
  bool has_intent(const std::string& subject) const;
  enum class Side { kBusy, kQuiet };
  bool has_held(const TenantId& tenant, Side side) const;
  void break_law(std::string_view law, std::string what);
  const Snapshot& stored() const { return machine_.registry->recorded; }
  MonoTime now() const { return machine_.sim.now(); }

  struct Grant {
    std::string instance;
    FencingToken token;
  };
  /// What the monitor decided about a tenant last.
  struct Decided {
    bool is_promotion = false;
    MonoTime at;
    WallTime wall;
    bool was_clock_set = false;
  };
  bool is_recorded(const TenantId& tenant, const Decided& move) const;
  struct Mute {
    ProcessIdentity who;
    /// Since when the daemon has been there to see it, but for what it was being asked to do.
    MonoTime since;
    /// Since when it has been asked to do something, or to stop.
    MonoTime asked;
  };

  SimMachine& machine_;
  bool is_hurt_ = false;
  bool is_load_hidden_ = false;
  std::optional<Broken> broken_;
  std::map<TenantId, Grant> grants_;
  std::map<Port, PortLease> leases_;
  WallTime latest_wall_{};
  /// Instances that have said hello and are not recorded yet, or are.
  std::set<std::string> greeted_;
  std::set<InstanceId> recorded_;
  std::optional<ProcessIdentity> holder_;
  MonoTime holder_since_{};
  std::map<TenantId, Port> kept_;
  /// Files that are not what was said of them, until they are written again.
  std::set<std::string> lies_;
  std::map<std::string, Mute> mute_;
  /// Since when a tenant has not been where it is believed to be.
  std::map<TenantId, MonoTime> misplaced_;
  /// Tenants of which the daemon has told that it cannot lend them.
  std::set<std::string> refused_;
  std::map<TenantId, std::vector<std::pair<MonoTime, std::uint64_t>>> loads_;
  std::map<TenantId, Decided> moves_;
  /// Which configuration of the edge is recorded.
  std::string published_;
  std::size_t read_lines_ = 0;
};

}  // namespace voicectl
