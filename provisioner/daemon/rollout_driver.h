// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/os/reactor.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/http_probe.h"
#include "provisioner/model/daemon_paths.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/plan/rollout.h"

namespace voicectl {

/// Whoever follows an apply.
struct ApplyListener {
  std::function<void(const Plan&)> on_started;
  Executor::OnProgress on_progress;
  Executor::OnFinished on_finished;
};

/// Takes an apply through its tenants batch by batch: each is planned anew, carried out and watched
/// before the next one begins, and too many failures end it.
///
/// Who is still held back is in the registry before anything is done for the others, so that no
/// later daemon goes on by itself with what was stopped: those tenants stay as they are until
/// somebody applies again.
/// THREADS: loop thread only.
class RolloutDriver {
 public:
  struct Deps {
    Reactor& reactor;
    RegistryQueue& registry;
    const RecordedState& recorded;
    Executor& executor;
    EventLog& events;
    HttpProbe& probe;
    DaemonPaths paths;
    /// The plan for all that is desired, without repairs that nobody has asked for.
    std::function<Result<Plan>()> plan;
    /// Carries a plan out. REQUIRES: nothing is being carried out.
    std::function<void(Plan plan, const ApplyListener& listener)> execute;
    std::function<bool()> is_busy;
    std::function<void(std::function<void()> act)> when_idle;
  };
  /// `note` is what an earlier run has left under kNote, `desired` what it has left to be done. Of
  /// a note that cannot be read nobody knows whom it holds back: then it is everybody who is not as
  /// desired.
  RolloutDriver(Deps deps,
                const std::optional<std::string>& note,
                const std::optional<DesiredState>& desired);
  ~RolloutDriver();

  static constexpr const char* kNote = "rollout";
  /// Longest silence towards whoever listens.
  static constexpr Duration kBeat = std::chrono::seconds(10);

  /// Tells of what an earlier daemon left unfinished.
  void tell_of_unfinished();

  /// Records whom the coming rollout of `plan` holds back at first: before the state that it leads
  /// to is accepted. For a plain spec that nobody is held back any more: after it is accepted.
  void prepare(const Plan& plan, const RolloutSpec& spec, Completion<void> done);
  /// The apply was not accepted after all.
  void unprepare();

  /// Carries out `plan`, which was prepared, from its first batch on. The listener hears of its
  /// end once. With `cut` it ends there, and everybody is held back because of that.
  /// REQUIRES: nothing is being carried out.
  void begin(const Plan& plan, ApplyListener listener, const std::optional<Error>& cut = {});
  bool is_under_way() const { return story_ != nullptr; }

  /// Begins nothing more: with the end of what is under way it ends, because of `why`.
  void cut_short(const Error& why);

  /// Tenants that stay as they are for now.
  const std::set<TenantId>& held() const { return state_.held; }
  /// Who is held back and why; null if nobody is. In rollout_watch.cpp.
  Json status() const;

 private:
  /// What is recorded.
  struct State {
    std::set<TenantId> held;
    /// Tenants that have failed, and how.
    std::map<TenantId, std::string> failed;
    /// Why it goes no further; empty: it goes on.
    std::string stopped;
    bool is_empty() const { return held.empty() && stopped.empty(); }
  };
  struct Story;

  // rollout_note.cpp
  static Result<State> parse_state(const std::string& note);
  void take_note(const std::string& note, const std::optional<DesiredState>& desired);
  void record(State state, Completion<void> done);
  /// Records what is in memory, until that succeeds or something else was recorded.
  void record_later();

  void begin_batch();
  void run_batch(Plan part);
  void hear(const api::StepProgress& progress);
  void note_failure(const TenantId& tenant, const std::string& error);
  bool is_over_budget() const;
  void hold_the_rest();
  void batch_ended(const api::ApplyOutcome& outcome);
  void add_up(const api::ApplyOutcome& outcome);
  void go_on();
  void stop(const std::string& why);
  void finish();
  std::string describe_batch() const;

  // rollout_watch.cpp
  void begin_watch();
  void look();
  void looked(const std::vector<TenantId>& asked, const std::vector<Status>& answers);
  void later(Duration wait, std::function<void()> act);
  void beat();
  void tell(api::StepState state, const std::string& text, const std::string& error = "");

  Deps deps_;
  State state_;
  /// What was wrong with what an earlier run has left; empty: nothing.
  std::string unreadable_;
  /// What was recorded before prepare(), until it is known whether the apply is accepted.
  std::optional<State> before_;
  /// state_ is not what is recorded: it could not be written.
  bool is_unrecorded_ = false;
  std::size_t records_under_way_ = 0;
  RolloutSpec spec_;
  std::unique_ptr<Story> story_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
