// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/apply/action_journal.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// What came of an action. A failed one may have something to record too: a token that was used up.
struct ActionOutcome {
  Status status;
  RecordedChange change;
  /// What is not as it should be although the action is done; empty: nothing.
  std::string note{};
};
using OnActionDone = std::function<void(ActionOutcome)>;

/// The effects of actions, one family per file in this folder.
///
/// An effect is whole or not at all: what a failed one had begun it has taken back. Repeating one
/// that is done is success.
class ActionRunner {
 public:
  virtual ~ActionRunner() = default;

  /// `done` runs once, in this turn or later.
  virtual void perform(const Action& action, OnActionDone done) = 0;
};

/// Most actions between intent and outcome at one time.
inline constexpr std::size_t kActionsInFlight = 32;

/// Carries out plans. Each action is journaled before its effect and recorded after it; actions
/// that do not need each other go side by side, so that one fsync serves many of them.
///
/// What was done and could not be recorded stops the run and counts as recorded meanwhile: it is
/// so. It is recorded before the next step begins, or none does; a run without steps only does
/// that, and fails if it cannot.
///
/// What fails takes along only what needs it; the rest goes on. An instance that was started for
/// tenants that then could not be lent to it is stopped again.
/// THREADS: loop thread only.
class Executor {
 public:
  using OnProgress = std::function<void(const api::StepProgress&)>;
  using OnFinished = std::function<void(const api::ApplyOutcome&)>;

  struct Deps {
    Reactor& reactor;
    ActionJournal& journal;
    RecordedState& recorded;
    ActionRunner& runner;
    const WallClock& wall;
    /// Hears how long each step took that succeeded. May be empty.
    std::function<void(const Action& action, const ActionTime& time)> on_time = {};
    /// Brings a change that is recorded late to what is so by then, as far as others than this
    /// executor change it. May be empty.
    std::function<void(RecordedChange& change)> as_now = {};
  };
  explicit Executor(Deps deps);
  ~Executor();

  /// Of the steps that move a tenant from one instance to another, at most `moves_at_once` are
  /// under way at one time. REQUIRES: no other run is under way; `moves_at_once` is not 0.
  void run(Plan plan,
           OnProgress on_progress,
           OnFinished on_finished,
           std::size_t moves_at_once = kActionsInFlight);
  bool is_running() const { return run_ != nullptr; }

  /// Takes what was found to be so and could not be recorded as if it were recorded, and records it
  /// as what an earlier run could not. `entry` is `closed` in the journal, where it is not yet.
  void believe(ClosedAction closed, std::optional<JournalEntry> entry = std::nullopt);
  /// Whether a step is under way, or being recorded, that gives the tenant to an instance or takes
  /// it from one: where it belongs is not known before that.
  bool is_placing(const TenantId& tenant) const;
  /// Whether something that is believed is not recorded.
  bool has_unrecorded() const { return !unrecorded_.empty(); }

  /// Tells the follower of the run how the move of a tenant that is under way stands; and again at
  /// the end of its step. Does nothing if there is none.
  void tell_move(const TenantId& tenant, const api::MoveProgress& move);

  /// Begins no further step of the run: those that wait are skipped because of `why`, those under
  /// way are finished and recorded.
  void cancel(const Error& why);

  /// Whether an effect of one of these steps may be there, or will be: its intent is being written.
  /// REQUIRES: a run is under way.
  bool has_begun(const std::vector<std::size_t>& steps) const;

  /// Begins none of these steps, as far as they wait: they are skipped because of `why`, and what
  /// needs them with them. May be called while progress is told. REQUIRES: a run is under way.
  void skip(const std::vector<std::size_t>& steps, const Error& why);

 private:
  struct Run;
  struct Unrecorded {
    ClosedAction closed;
    /// Still to be opened.
    std::optional<JournalEntry> entry;
  };
  /// Records what an earlier run could not, then begins.
  void catch_up();
  void open_unrecorded();
  void close_unrecorded();
  void advance();
  void skip_what_cannot_run();
  void open(const std::vector<std::size_t>& ready);
  void perform(std::size_t step);
  void effect_done(std::size_t step, ActionOutcome outcome);
  void close_finished();
  void closed(const std::vector<ClosedAction>& batch, const Result<Generation>& generation);
  void undo_idle_instances();
  void finish();
  void report(std::size_t step, api::StepState state, const std::string& error);
  void halt(const Error& error);

  Deps deps_;
  std::shared_ptr<Run> run_;
  std::vector<Unrecorded> unrecorded_;
};

}  // namespace voicectl
