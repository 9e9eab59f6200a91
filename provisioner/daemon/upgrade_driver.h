// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/units.h"
#include "provisioner/apply/program_store.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/http_probe.h"
#include "provisioner/daemon/probe_round.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/plan/effect_forecast.h"
#include "provisioner/plan/upgrade_plan.h"

namespace voicectl {

/// Whether WebSockets may be closed (1012) where the two programs cannot hand over.
enum class Drops { kRefuse, kAllow };

struct UpgradeRequest {
  /// Program file; empty: the installed one.
  std::string runtime;
  /// To the program that the last upgrade replaced, instead of a file.
  bool is_rollback = false;
  Drops drops = Drops::kRefuse;
  /// Its target is not looked at.
  UpgradeWish wish;
};

/// How an upgrade is expected to go, if nothing turns it back.
struct UpgradeCourse {
  /// The canary and the batches behind it.
  std::size_t waves = 0;
  /// Of a tenant that moves.
  Estimate pause;
  /// Of all waves, with the canary's watch: those behind the second batch take as long as it.
  Estimate duration;
  /// Of all instances; absent: not known.
  std::optional<Bytes> memory_before{};
  std::optional<Bytes> memory_peak{};
};

/// What an upgrade would do.
struct UpgradeForecast {
  ProgramRecord from;
  ProgramRecord to;
  std::string canary;
  std::vector<InstanceId> instances;
  std::size_t tenants = 0;
  std::uint64_t websockets = 0;
  /// Of them those that would be told to come again.
  std::uint64_t drops = 0;
  bool is_understood = true;
  /// Absent: no instance has to be replaced.
  std::optional<UpgradeCourse> course{};
};

/// Takes all instances from one program to another: canary, watch, batches; and back if the new one
/// does not hold what it promises. What it has come to is in the registry before anything follows
/// from it, so whichever daemon comes next goes on from there.
///
/// It decides when; what is to be done is the planner's, and done by the same steps as everything
/// else. THREADS: loop thread only.
class UpgradeDriver {
 public:
  struct Deps {
    Reactor& reactor;
    ReconcileLoop& loop;
    const RecordedState& recorded;
    InstanceManager& instances;
    ProgramStore& programs;
    HttpProbe& probe;
    EventLog& events;
    const WallClock& wall;
    DaemonPaths paths;
    /// The program file that the daemon was started with, and its fingerprint now.
    std::string installed;
    std::function<std::string()> installed_fingerprint;
  };
  explicit UpgradeDriver(Deps deps);
  ~UpgradeDriver();

  /// Longest silence towards whoever listens.
  static constexpr Duration kBeat = std::chrono::seconds(10);
  /// Tries to bring about what is recorded before it is given up (forward) or forced (back).
  static constexpr int kTries = 3;

  /// Takes the program in and says what an upgrade to it would do.
  /// ERRORS: those of ProgramStore and begin_upgrade(); the planner's for one that cannot be
  /// planned.
  void forecast(UpgradeRequest request, Completion<UpgradeForecast> done);

  /// `refused` runs if it does not begin; else the listener hears of it to its end, the first time
  /// when it is recorded, or is believed until it can be. `may_begin` is asked once more before
  /// that. ERRORS: as forecast(); kConflict if it would drop WebSockets and may not; what
  /// `may_begin` says.
  void begin(UpgradeRequest request,
             ReconcileLoop::ApplyListener listener,
             std::function<void(const Error&)> refused,
             std::function<Status()> may_begin = ok_status);

  /// Turns back. Answered when that is recorded; it goes on by itself.
  /// ERRORS: kNotFound if no upgrade is under way.
  void abort(const std::string& who, Completion<void> done);

  /// Goes on with what an earlier daemon began.
  void resume();

  /// WebSockets that moved, or were told to come again, also outside of an upgrade.
  void note_moved(std::uint64_t websockets) { moved_ += under_way() ? websockets : 0; }
  void note_dropped(std::uint64_t websockets) { dropped_ += under_way() ? websockets : 0; }

  Json status() const;

 private:
  struct Story;
  /// Who asked for it, and how they are told.
  struct Asked {
    UpgradeRequest request;
    ReconcileLoop::ApplyListener listener;
    std::function<void(const Error&)> refused;
    std::function<Status()> may_begin;
  };
  /// By tenant.
  using OpenWebsockets = std::map<TenantId, std::uint64_t>;
  /// `held` keeps the target's copy until it is recorded.
  void decide(const std::shared_ptr<const Asked>& asked,
              const ProgramRecord& target,
              const OpenWebsockets& websockets,
              const std::shared_ptr<const void>& held);
  void begun_with(const Asked& asked, const ProgramRecord& target);
  void take_target(const UpgradeRequest& request, Completion<ProgramRecord> done);
  void count_websockets(std::function<void(const OpenWebsockets&)> done);
  Result<UpgradeForecast> forecast_of(const UpgradeRequest& request,
                                      const ProgramRecord& target,
                                      const OpenWebsockets& websockets);
  Result<UpgradeForecast> forecast_with_course(const UpgradeRequest& request,
                                               const ProgramRecord& target,
                                               const OpenWebsockets& websockets);
  Result<UpgradeCourse> course_of(const SetPrograms& first) const;
  Result<SetPrograms> first_action(const UpgradeRequest& request, const ProgramRecord& target);

  const std::optional<UpgradeRecord>& under_way() const;
  /// The recorded state with what was counted since.
  Snapshot counted() const;
  void record(const SetPrograms& action, const std::string& reason, std::function<void()> then);
  void drive();
  void settle();
  void settled(const api::ApplyOutcome& outcome);
  void turn_back(const std::string& why);
  void force_back();
  bool is_aborted();

  void begin_watch();
  void look();
  void ask_all(std::function<void(const Status&)> done);
  Status look_at_processes() const;
  void looked(const Status& seen);
  void proven();
  void finish();

  void tell(const std::string& subject,
            const std::string& text,
            api::StepState state,
            const std::string& error = "");
  void later(Duration wait, std::function<void()> act);
  /// Whoever listens takes silence for death.
  void beat();

  Deps deps_;
  std::unique_ptr<Story> story_;
  std::uint64_t moved_ = 0;
  std::uint64_t dropped_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

Json render_forecast(const UpgradeForecast& forecast);

}  // namespace voicectl
