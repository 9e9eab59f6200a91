// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/executor.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "provisioner/apply/step_order.h"
#include "provisioner/plan/instance_names.h"

namespace voicectl {
namespace {

enum class Stage { kWaiting, kOpening, kPerforming, kClosing, kDone, kFailed, kSkipped };

/// How a move is told of that was made with its connections.
constexpr std::string_view kMovedPhase = "moved";

/// The tenant that the action gives to an instance, or takes from one.
const TenantId* placed_by(const Action& action) {
  if (const auto* lend = std::get_if<LendListener>(&action)) {
    return &lend->tenant;
  }
  const auto* reclaim = std::get_if<ReclaimListener>(&action);
  return reclaim == nullptr ? nullptr : &reclaim->tenant;
}

struct Progress {
  Stage stage = Stage::kWaiting;
  std::int64_t journal_number = 0;
  MonoTime since{};
  std::string error;
  std::string note;
  std::optional<api::MoveProgress> move;
};

ActionTime time_of(const Progress& progress, MonoTime now) {
  using std::chrono::microseconds;
  ActionTime out{std::chrono::duration_cast<microseconds>(now - progress.since), std::nullopt};
  if (progress.move && progress.move->phase == kMovedPhase) {
    out.pause = microseconds(progress.move->pause_us);
  }
  return out;
}

}  // namespace

struct Executor::Run {
  Plan plan;
  OnProgress on_progress;
  OnFinished on_finished;
  StepOrder order{std::vector<Step>{}};
  std::vector<Progress> steps;
  /// Tenants of steps under way that change where they are.
  std::multiset<TenantId> placing;
  std::vector<std::pair<std::size_t, ClosedAction>> finished;
  std::vector<std::size_t> closing;
  bool is_closing = false;
  std::optional<Error> halted;
  /// Something failed since it was looked last for what cannot run any more.
  bool has_broken = false;
  /// Numbers of plan steps that the appended undo steps take back, by undo step.
  std::vector<std::size_t> undoes;
  std::size_t planned = 0;
  std::size_t moves_at_once = kActionsInFlight;
  /// Steps that are done, and whose outcome could not be recorded.
  std::size_t unrecorded = 0;

  bool is_undo(std::size_t step) const { return step >= planned; }
  void begin_placing(std::size_t step) {
    if (const TenantId* const tenant = placed_by(plan.steps[step].action)) {
      placing.insert(*tenant);
    }
  }
  void end_placing(std::size_t step) {
    const TenantId* const tenant = placed_by(plan.steps[step].action);
    if (const auto one = tenant == nullptr ? placing.end() : placing.find(*tenant);
        one != placing.end()) {
      placing.erase(one);
    }
  }
};

Executor::Executor(Deps deps) : deps_(std::move(deps)) {}
Executor::~Executor() = default;

void Executor::run(Plan plan,
                   OnProgress on_progress,
                   OnFinished on_finished,
                   std::size_t moves_at_once) {
  VC_CHECK(!is_running(), "the daemon applies one plan at a time");
  VC_CHECK(moves_at_once > 0, "or no tenant would ever move");
  run_ = std::make_shared<Run>();
  run_->plan = std::move(plan);
  run_->on_progress = std::move(on_progress);
  run_->on_finished = std::move(on_finished);
  run_->order = StepOrder(run_->plan.steps);
  run_->steps.resize(run_->plan.steps.size());
  run_->planned = run_->plan.steps.size();
  run_->moves_at_once = moves_at_once;
  if (unrecorded_.empty()) {
    advance();
  } else {
    catch_up();
  }
}

void Executor::cancel(const Error& why) {
  if (run_ != nullptr) {
    halt(why);
  }
}

bool Executor::is_placing(const TenantId& tenant) const {
  return run_ != nullptr && run_->placing.contains(tenant);
}

bool Executor::has_begun(const std::vector<std::size_t>& steps) const {
  return std::any_of(steps.begin(), steps.end(), [this](std::size_t step) {
    const Stage stage = run_->steps[step].stage;
    return stage != Stage::kWaiting && stage != Stage::kSkipped;
  });
}

void Executor::skip(const std::vector<std::size_t>& steps, const Error& why) {
  for (const std::size_t step : steps) {
    if (run_->steps[step].stage == Stage::kWaiting) {
      run_->steps[step].stage = Stage::kSkipped;
      run_->order.drop(step);
      run_->has_broken = true;
      report(step, api::StepState::kSkipped, why.text());
    }
  }
}

void Executor::advance() {
  if (run_->halted) {
    skip_what_cannot_run();
  }
  // Who is told of a skipped step may have others skipped.
  while (std::exchange(run_->has_broken, false)) {
    skip_what_cannot_run();
  }
  const std::vector<std::size_t> ready = run_->order.begin(kActionsInFlight, run_->moves_at_once);
  if (!ready.empty()) {
    open(ready);
  } else if (run_->order.under_way() == 0) {
    finish();
  }
}

void Executor::skip_what_cannot_run() {
  // Needs point backwards, so one pass reaches everything that hangs on a failed step.
  for (std::size_t i = 0; i < run_->steps.size(); ++i) {
    if (run_->steps[i].stage != Stage::kWaiting) {
      continue;
    }
    const std::vector<std::size_t>& needs = run_->plan.steps[i].needs;
    const auto broken = std::find_if(needs.begin(), needs.end(), [&](std::size_t need) {
      const Stage stage = run_->steps[need].stage;
      return stage == Stage::kFailed || stage == Stage::kSkipped;
    });
    if (run_->halted || broken != needs.end()) {
      run_->steps[i].stage = Stage::kSkipped;
      run_->order.drop(i);
      report(i, api::StepState::kSkipped,
             run_->halted ? run_->halted->text()
                          : fmt::format("needs: {}", describe(run_->plan.steps[*broken].action)));
    }
  }
}

void Executor::open(const std::vector<std::size_t>& ready) {
  std::vector<JournalEntry> entries;
  for (const std::size_t i : ready) {
    const Step& step = run_->plan.steps[i];
    run_->steps[i].stage = Stage::kOpening;
    run_->begin_placing(i);
    run_->steps[i].since = deps_.reactor.now();
    JournalEntry entry;
    entry.plan_id = run_->plan.id;
    entry.key = step.key;
    entry.kind = kind_of(step.action);
    entry.subject = subject_of(step.action);
    entry.action = render_action(step.action);
    entry.epoch = deps_.recorded.snapshot().epoch;
    entry.opened_at = deps_.wall.now();
    entries.push_back(std::move(entry));
  }
  deps_.journal.open(std::move(entries),
                     [this, ready](const Result<std::vector<std::int64_t>>& numbers) {
                       for (std::size_t i = 0; i < ready.size(); ++i) {
                         if (numbers.has_error()) {
                           run_->steps[ready[i]].stage = Stage::kFailed;
                           run_->end_placing(ready[i]);
                           run_->order.end(ready[i], StepOrder::End::kFailed);
                           report(ready[i], api::StepState::kFailed, numbers.error().text());
                         } else {
                           run_->steps[ready[i]].journal_number = (*numbers)[i];
                           run_->steps[ready[i]].stage = Stage::kPerforming;
                         }
                       }
                       if (numbers.has_error()) {
                         halt(numbers.error().with_context("writing the journal"));
                         advance();
                         return;
                       }
                       for (const std::size_t step : ready) {
                         perform(step);
                       }
                     });
}

void Executor::tell_move(const TenantId& tenant, const api::MoveProgress& move) {
  for (std::size_t i = 0; run_ != nullptr && i < run_->steps.size(); ++i) {
    const LendListener* const moving = move_in(run_->plan.steps[i].action);
    if (run_->steps[i].stage == Stage::kPerforming && moving != nullptr &&
        moving->tenant == tenant) {
      run_->steps[i].move = move;
      report(i, api::StepState::kRunning, "");
      return;
    }
  }
}

void Executor::perform(std::size_t step) {
  report(step, api::StepState::kRunning, "");
  const std::weak_ptr<Run> run = run_;
  deps_.runner.perform(run_->plan.steps[step].action, [this, run, step](ActionOutcome outcome) {
    if (!run.expired()) {
      effect_done(step, std::move(outcome));
    }
  });
}

void Executor::effect_done(std::size_t step, ActionOutcome outcome) {
  Progress& progress = run_->steps[step];
  VC_CHECK(progress.stage == Stage::kPerforming, "an effect ends once");
  progress.stage = Stage::kClosing;
  progress.note = std::move(outcome.note);
  ClosedAction closed;
  closed.number = progress.journal_number;
  closed.change = std::move(outcome.change);
  closed.time = time_of(progress, deps_.reactor.now());
  if (outcome.status.has_error()) {
    progress.error = outcome.status.error().text();
    closed.state = JournalState::kFailed;
    closed.outcome = progress.error;
  } else {
    closed.state = run_->is_undo(step) ? JournalState::kUndone : JournalState::kDone;
  }
  run_->finished.emplace_back(step, std::move(closed));
  // Posted, so that effects that end in the same turn are recorded by one transaction.
  const std::weak_ptr<Run> run = run_;
  deps_.reactor.post([this, run] {
    if (!run.expired()) {
      close_finished();
    }
  });
}

void Executor::close_finished() {
  if (run_->is_closing || run_->finished.empty()) {
    return;
  }
  run_->is_closing = true;
  std::vector<ClosedAction> batch;
  for (auto& [step, closed] : std::exchange(run_->finished, {})) {
    run_->closing.push_back(step);
    batch.push_back(std::move(closed));
  }
  deps_.journal.close(
      batch, [this, batch](const Result<Generation>& generation) { closed(batch, generation); });
}

void Executor::closed(const std::vector<ClosedAction>& batch,
                      const Result<Generation>& generation) {
  run_->is_closing = false;
  const std::vector<std::size_t> steps = std::exchange(run_->closing, {});
  if (generation.has_error()) {
    halt(generation.error().with_context("recording what was done"));
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Progress& progress = run_->steps[steps[i]];
    if (generation.has_value()) {
      deps_.recorded.acknowledge(batch[i].change, *generation);
    } else {
      believe(batch[i]);
      run_->unrecorded += progress.error.empty() && !run_->is_undo(steps[i]) ? 1 : 0;
      progress.error = progress.error.empty() ? run_->halted->text() : progress.error;
    }
    progress.stage = progress.error.empty() ? Stage::kDone : Stage::kFailed;
    run_->end_placing(steps[i]);
    run_->has_broken = run_->has_broken || progress.stage == Stage::kFailed;
    run_->order.end(
        steps[i], progress.stage == Stage::kDone ? StepOrder::End::kDone : StepOrder::End::kFailed);
    if (progress.stage == Stage::kDone && deps_.on_time) {
      deps_.on_time(run_->plan.steps[steps[i]].action, time_of(progress, deps_.reactor.now()));
    }
    report(steps[i], progress.error.empty() ? api::StepState::kDone : api::StepState::kFailed,
           progress.error);
  }
  close_finished();
  advance();
}

void Executor::halt(const Error& error) {
  if (!run_->halted) {
    run_->halted = error;
  }
}

void Executor::undo_idle_instances() {
  std::set<InstanceId> used;
  for (std::size_t i = 0; i < run_->planned; ++i) {
    const auto* lend = std::get_if<LendListener>(&run_->plan.steps[i].action);
    if (lend != nullptr && run_->steps[i].stage == Stage::kDone) {
      used.insert(lend->instance);
    }
  }
  for (std::size_t i = 0; i < run_->planned; ++i) {
    const auto* start = std::get_if<StartInstance>(&run_->plan.steps[i].action);
    if (start == nullptr || start->kind != InstanceKind::kDedicated ||
        // It waits for a tenant.
        spare_instance_number(start->instance) || run_->steps[i].stage != Stage::kDone ||
        used.contains(start->instance) ||
        // Started again for tenants that it had before: it has them again.
        !deps_.recorded.tenants_of(start->instance).empty()) {
      continue;
    }
    Step undo;
    undo.number = run_->plan.steps.size();
    undo.action = StopInstance{start->instance};
    undo.reason = "its tenant could not be lent to it";
    undo.key = "undo:" + run_->plan.steps[i].key;
    run_->order.add(undo.action);
    run_->plan.steps.push_back(std::move(undo));
    run_->steps.emplace_back();
    run_->undoes.push_back(i);
  }
}

void Executor::finish() {
  if (run_->undoes.empty() && !run_->halted) {
    undo_idle_instances();
    if (!run_->undoes.empty()) {
      advance();
      return;
    }
  }
  api::ApplyOutcome outcome;
  for (std::size_t i = 0; i < run_->planned; ++i) {
    outcome.done += run_->steps[i].stage == Stage::kDone ? 1 : 0;
    outcome.failed += run_->steps[i].stage == Stage::kFailed ? 1 : 0;
    outcome.skipped += run_->steps[i].stage == Stage::kSkipped ? 1 : 0;
  }
  for (std::size_t i = run_->planned; i < run_->steps.size(); ++i) {
    const std::size_t taken_back = run_->steps[i].stage == Stage::kDone ? 1 : 0;
    outcome.undone += taken_back;
    outcome.done -= taken_back;
  }
  outcome.unrecorded = run_->unrecorded;
  if (run_->halted && run_->planned == 0) {
    outcome.failed = 1;
    outcome.remedy = run_->halted->text();
  } else if (outcome.failed > 0) {
    outcome.remedy =
        "what worked is kept; mend what the failed steps name, then run 'voicectl apply' again";
  }
  const std::shared_ptr<Run> run = std::exchange(run_, nullptr);
  run->on_finished(outcome);
}

void Executor::report(std::size_t step, api::StepState state, const std::string& error) {
  const bool is_undo = run_->is_undo(step);
  if (is_undo && state != api::StepState::kDone) {
    return;
  }
  const std::size_t shown = is_undo ? run_->undoes[step - run_->planned] : step;
  const Step& planned = run_->plan.steps[step];
  const Duration took = state == api::StepState::kRunning || run_->steps[step].since == MonoTime{}
                            ? Duration::zero()
                            : deps_.reactor.now() - run_->steps[step].since;
  run_->on_progress(api::StepProgress{
      shown, is_undo ? api::StepState::kUndone : state, std::string(kind_of(planned.action)),
      subject_of(planned.action), describe(planned.action),
      std::chrono::duration_cast<std::chrono::milliseconds>(took).count(),
      is_undo ? planned.reason : error,
      state == api::StepState::kDone ? run_->steps[step].note : "", run_->steps[step].move});
}

}  // namespace voicectl
