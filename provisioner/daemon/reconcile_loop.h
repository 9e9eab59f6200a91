// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/log.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/apply/edge_actions.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/placement_actions.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/certs/certificate_store.h"
#include "provisioner/daemon/config_delivery.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/forecast_book.h"
#include "provisioner/daemon/hook_runner.h"
#include "provisioner/daemon/key_watch.h"
#include "provisioner/daemon/port_probe.h"
#include "provisioner/daemon/relending.h"
#include "provisioner/daemon/revision_book.h"
#include "provisioner/daemon/rollout_driver.h"
#include "provisioner/edge/edge_proxy.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/instances/listeners.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/plan/planner.h"
#include "provisioner/plan/protection.h"

namespace voicectl {

/// How often the daemon looks for certificates that are due, and for anything else that is not as
/// it should be.
inline constexpr std::chrono::hours kConvergeInterval{1};

/// How soon it looks again if somebody held the lock then.
inline constexpr std::chrono::minutes kLockedWait{1};

/// How long the start of a daemon waits for everything to be as it should before it answers: an
/// instance that does not become ready would hide it for its whole deadline. Shorter than 'voicectl
/// up' waits.
inline constexpr std::chrono::seconds kStartPatience{5};

/// Brings the machine to what is asked for: takes over what runs when the daemon starts, plans,
/// applies, and lends tenants again to an instance that had to be restarted.
///
/// THREADS: loop thread only.
class ReconcileLoop {
 public:
  struct Deps {
    Reactor& reactor;
    RegistryQueue& registry;
    RecordedState& recorded;
    Executor& executor;
    PlacementActions& placement;
    EdgeActions& edge_actions;
    InstanceManager& instances;
    ListenerBank& bank;
    EdgeProxy& edge;
    CertificateStore& certificates;
    EventLog& events;
    ForecastBook& forecasts;
    const Log& log;
    const WallClock& wall;
    EdgeSettings edge_settings;
    ListenerFactory& listeners;
    TenantFiles& files;
    std::function<void(const RecordedTenant& tenant, Completion<void> done)> deliver_config;
    /// Takes over an edge of an earlier run.
    std::function<void(Completion<bool>)> adopt_edge;
    /// Whether somebody is about to change something. The hourly look waits for that.
    std::function<bool()> is_locked;
    /// As last sampled. May be empty: then nothing is known.
    std::function<LiveLoad()> load;
    /// What of the host is not as `seen` has it recorded.
    std::function<std::vector<DriftFinding>(const Snapshot& seen)> look_for_drift;
    /// Asks tenants that are watched.
    HttpProbe& probe;
    HookRunner& hooks;
    DaemonPaths paths;
  };

  /// `desired` is what `revision` asks for, `owners` whose its fields are; `rollout_note` what an
  /// earlier run has left of a rollout.
  ReconcileLoop(Deps deps,
                std::optional<DesiredState> desired,
                std::optional<Revision> revision,
                FieldOwners owners,
                const std::optional<std::string>& rollout_note);

  /// Takes over instances, listeners and edge of an earlier run, closes what it left open in the
  /// journal, and brings everything to the desired state. `done` runs when that is finished, also
  /// if some of it failed, or still goes on after kStartPatience.
  void start(std::vector<JournalEntry> open_intents, std::function<void()> done);

  /// What would be done for `desired`. Changes nothing.
  ///
  /// The daemon by itself leaves alone what a person wrote or started, and configures nothing
  /// instead of what was adopted.
  /// ERRORS: kConflict if a person plans to change what was adopted.
  Result<Plan> plan(const DesiredState& desired) const;
  /// What carrying out `plan`, which was just made, would do outside. Changes nothing.
  Result<EffectForecast> forecast(const Plan& plan, const DesiredState& desired) const;
  struct Preview {
    Plan plan;
    EffectForecast forecast;
  };
  /// What an apply would do once `instance` is recorded as one to be replaced. Changes nothing.
  /// REQUIRES: something is desired.
  Result<Preview> preview_of_replacing(const InstanceId& instance, std::size_t moves_at_once) const;
  /// What an upgrade does by itself, wave after wave.
  struct UpgradePreview {
    EffectForecast canary;
    /// The first two batches behind it, as far as there are so many. The others are as the second:
    /// in place of an instance that the first one empties nobody may have to start.
    std::vector<EffectForecast> first_batches;
    std::size_t batches = 0;
    /// What is left when all has proven itself.
    EffectForecast end;
  };
  /// Of one that begins with `first`. Changes nothing.
  /// ERRORS: as plan(). REQUIRES: something is desired, and `first` begins an upgrade.
  Result<UpgradePreview> preview_of_upgrade(const SetPrograms& first) const;

  struct ApplyRequest {
    DesiredState desired;
    /// The plan that was shown; the apply is refused if it would be another one now.
    std::optional<std::string> plan_id;
    /// Who asks: "operator@host", "voicectld".
    std::string who;
    /// The generation that it was made for; the apply is refused if it is another one now.
    std::optional<Generation> base{};
    /// Tenants that are moved from one instance to another at one time.
    std::size_t moves_at_once = kActionsInFlight;
    /// Why, in the words of whoever asks.
    std::string why{};
    /// Revision of the desired state that it was made from; refused if it is another one now.
    std::optional<std::int64_t> base_revision{};
    /// How its tenants are taken; absent: as the desired platform says.
    std::optional<RolloutSpec> rollout{};
    /// How owners of fields change with `desired`.
    FieldOwnersChange owners{};
    /// What of it whoever asks has agreed to; absent: to all.
    std::optional<Agreement> agreement{};
  };
  using ApplyListener = voicectl::ApplyListener;
  /// Accepts `desired` and carries out its plan.
  /// ERRORS: kConflict if another apply runs or the plan is not the one that was shown;
  /// kPermissionDenied for what is protected or not agreed to. After success `on_finished` runs
  /// once; failures of steps are told there.
  Status apply(ApplyRequest request, ApplyListener listener);

  /// Carries out a plan that was made without changing what is desired, such as one of
  /// plan_moves(), as an apply does.
  /// ERRORS: kConflict if an apply runs, or the recorded state is another one than it was made for.
  Status carry_out(Plan plan, ApplyListener listener);

  /// Carries out one action outside of an apply, journaled like any other. An error of `done` says
  /// that it is not done; one that is done and could not be recorded yet is no error.
  /// ERRORS: kConflict if an apply runs.
  Status run_single(const Action& action, std::string reason, Completion<void> done);
  /// Whether something that was done is not on record: it will be before anything else is done.
  bool has_unrecorded() const { return deps_.executor.has_unrecorded(); }

  /// Plans again for the desired state and carries the plan out, if there is anything to do or to
  /// record and no apply runs. `who` is for the log.
  void converge(const std::string& who, std::function<void()> done);

  /// As converge(), for somebody who listens.
  /// ERRORS: kConflict if an apply runs or everything is being stopped.
  Status settle(const std::string& who, ApplyListener listener);
  /// Runs `act` once, when no apply runs any more. It may find that another one has begun.
  void when_idle(std::function<void()> act);
  bool is_stopping() const { return is_stopping_; }
  /// Begins no further step of the apply that runs, if one does: those that wait are skipped.
  void cut_short(const Error& why);

  /// Ends all instances and the edge, touching no record: the next start brings them back. An apply
  /// that runs is cut short first, so that it starts nothing behind our back.
  void stop_everything(std::function<void(const std::string& what)> on_progress,
                       std::function<void()> done);

  void on_instance_ready(const InstanceId& instance, ReadyCause cause);
  void on_instance_exit(const InstanceId& instance, const InstanceExit& exit);
  void on_instance_failed(const InstanceId& instance, const Error& why);
  void on_edge_event(const EdgeEvent& event);

  /// What an instance said when it did not take a tenant's newest configuration; empty: nothing
  /// yet.
  std::string why_outdated(const TenantId& tenant) const { return delivery_.reason_of(tenant); }
  /// Whether its instance is ready and has another configuration than the recorded one.
  bool is_outdated(const TenantId& tenant) const { return delivery_.outdated().contains(tenant); }
  const KeyWatch& keys() const { return keys_; }
  const RolloutDriver& rollout() const { return rollout_; }

  const std::optional<DesiredState>& desired() const { return desired_; }
  /// Number of the newest revision; 0 before the first apply.
  std::int64_t revision() const { return revisions_.newest(); }
  /// Fields of the desired state that are not the file's.
  const FieldOwners& owners() const { return revisions_.owners(); }
  void forget_owners(const TenantId& tenant) { revisions_.forget_owners(tenant); }
  /// Recorded and observed state, as of this turn.
  Snapshot snapshot() const;
  bool is_busy() const { return executor_busy_; }
  /// Somebody else is about to change the platform.
  bool is_locked() const { return deps_.is_locked(); }

 private:
  void adopt_instances(std::vector<JournalEntry> open_intents, std::function<void()> done);
  std::vector<StartInstance> starts_begun(const std::vector<JournalEntry>& open_intents) const;
  void note_tenants(std::map<InstanceId, AdoptRecord>& known,
                    const std::vector<JournalEntry>& open_intents) const;
  void settle_placements(const AdoptReport& report,
                         const std::vector<StartInstance>& begun,
                         const std::vector<JournalEntry>& open_intents,
                         std::function<void()> done);
  RecordedChange change_after(const AdoptReport& report,
                              const std::vector<StartInstance>& begun) const;
  void take_back_doubles(const AdoptReport& report);
  void close_intents(const std::vector<JournalEntry>& open_intents,
                     RecordedChange change,
                     std::function<void()> done);
  void converge_later(Duration wait = kConvergeInterval);
  /// Notes what came of it as the outcome of the newest revision before `listener` is told.
  ApplyListener noting(ApplyListener listener);
  ObservedState observed() const;
  /// Without what stands in files: certificates and keys.
  ObservedState observed_in_memory() const;
  /// What of `seen` is to be repaired by whoever plans.
  std::vector<DriftFinding> drift_of(const Snapshot& seen, RepairedBy who) const;
  /// The snapshot with what is to be repaired by whoever plans.
  Snapshot snapshot_with_drift(RepairedBy who) const;
  /// The snapshot without what stands in files: certificates and keys.
  Snapshot snapshot_in_memory() const;
  Result<PlanInputs> plan_inputs(const DesiredState& desired, const Programs& programs) const;
  /// What is to be done without being asked: whom a rollout holds back stays as it is.
  Result<Plan> plan_to_keep() const;
  /// Of what the rest of a rollout does: what a person has done to the host since its plan was
  /// shown waits for the next apply.
  Result<Plan> plan_batch() const;
  Result<Plan> plan_unchecked(const DesiredState& desired, RepairedBy who) const;
  Result<Plan> plan_seen(const DesiredState& desired, const Snapshot& seen, RepairedBy who) const;
  /// What is to be done without being asked about `seen`.
  Result<Plan> plan_kept(const Snapshot& seen) const;
  /// `seen` once `plan` is carried out.
  Snapshot carried_out(const Plan& plan, const Snapshot& seen) const;
  /// `seen` once `action` is on record.
  Snapshot noted(const Action& action, const Snapshot& seen) const;
  void run_hooks_before(ApplyRequest request, Revision note, Plan plan, ApplyListener listener);
  /// Runs the hooks behind it before `listener` is told of its end.
  ApplyListener hooking(const ApplyRequest& request, const Plan& plan, ApplyListener listener);
  void accept(const ApplyRequest& request, const Revision& note, Plan plan, ApplyListener listener);
  void accepted(const ApplyRequest& request,
                Plan plan,
                const ApplyListener& listener,
                const std::optional<Error>& cut);
  void not_accepted(const Error& why, const ApplyListener& listener);
  /// It is desired now, and no step of it is begun.
  void accepted_only(const Plan& plan, const Error& why, const ApplyListener& listener);
  /// Why the apply that is being accepted must not go on, if it must not. Told once.
  std::optional<Error> take_cut();
  void execute(Plan plan,
               const ApplyListener& listener,
               std::size_t moves_at_once = kActionsInFlight);
  std::map<std::size_t, std::string> ports_lost_in(const Plan& plan) const;
  /// Runs what waits for the end of an apply, unless the next one has begun.
  void tell_idle();
  /// Whether steps may be changing what instances have.
  bool is_carrying_out() const { return executor_busy_ && !waits_for_hooks_; }
  void end_all(const std::function<void(const std::string&)>& on_progress,
               std::function<void()> done);

  Deps deps_;
  std::optional<DesiredState> desired_;
  /// What the plan of the newest apply repairs.
  std::vector<DriftFinding> shown_drift_;
  RevisionBook revisions_;
  Relending relending_;
  ConfigDelivery delivery_;
  PortProbe ports_;
  KeyWatch keys_;
  RolloutDriver rollout_;
  bool executor_busy_ = false;
  /// An apply waits for its first hooks, which may take hours: nothing of it has begun.
  bool waits_for_hooks_ = false;
  bool is_stopping_ = false;
  /// Why the apply that is being accepted begins no step.
  std::optional<Error> cut_;
  /// Wait for the end of the apply that runs.
  std::vector<std::function<void()>> when_idle_;
};

}  // namespace voicectl
