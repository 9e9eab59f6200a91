// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/simulated_run.h"

#include <algorithm>
#include <utility>

#include "base/os/virtual_reactor.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/simulated_effects.h"

namespace voicectl {
namespace {

/// Numbers intents and forgets them. Its time is in the times of the actions.
class ForgottenJournal final : public ActionJournal {
 public:
  ForgottenJournal(Reactor& reactor, RecordedState& recorded)
      : reactor_(reactor), recorded_(recorded) {}

  void open(std::vector<JournalEntry> entries,
            Completion<std::vector<std::int64_t>> done) override {
    std::vector<std::int64_t> numbers(entries.size());
    for (std::int64_t& number : numbers) {
      number = ++last_;
    }
    reactor_.post([numbers = std::move(numbers), done = std::move(done)] { done(numbers); });
  }
  void close(std::vector<ClosedAction> actions, Completion<Generation> done) override {
    const bool is_raised =
        std::any_of(actions.begin(), actions.end(),
                    [](const ClosedAction& action) { return has_changes(action.change); });
    const Generation next{recorded_.snapshot().generation.value + (is_raised ? 1 : 0)};
    reactor_.post([next, done = std::move(done)] { done(next); });
  }

 private:
  Reactor& reactor_;
  RecordedState& recorded_;
  std::int64_t last_ = 0;
};

/// Effects that all work, in their time.
class SimulatedRunner final : public ActionRunner {
 public:
  struct Deps {
    Reactor& reactor;
    RecordedState& recorded;
    ObservedState& observed;
    const WallClock& wall;
    const std::function<Duration(const Action&)>& time_of;
  };
  explicit SimulatedRunner(const Deps& deps) : deps_(deps) {}

  void perform(const Action& action, OnActionDone done) override {
    // Never none: what a moment holds stays bounded by what goes side by side.
    const Duration takes = std::max<Duration>(deps_.time_of(action), std::chrono::microseconds(1));
    deps_.reactor.call_after(takes, [this, action, done = std::move(done)] {
      done(ActionOutcome{ok_status(), simulate_effect(action, deps_.recorded.snapshot(),
                                                      deps_.observed, deps_.wall.now())});
    });
  }

 private:
  Deps deps_;
};

class StoppedCalendar final : public WallClock {
 public:
  explicit StoppedCalendar(WallTime now) : now_(now) {}
  WallTime now() const override { return now_; }

 private:
  WallTime now_;
};

}  // namespace

SimulatedRun simulate_run(const Plan& plan,
                          Snapshot before,
                          WallTime now,
                          const std::function<Duration(const Action&)>& time_of,
                          std::size_t moves_at_once) {
  VirtualReactor loop;
  const StoppedCalendar calendar(now);
  ObservedState observed = std::exchange(before.observed, {});
  RecordedState recorded(std::move(before));
  ForgottenJournal journal(loop, recorded);
  SimulatedRunner runner({loop, recorded, observed, calendar, time_of});
  Executor executor(Executor::Deps{loop, journal, recorded, runner, calendar});
  const MonoTime began = loop.now();
  MonoTime ended = began;
  executor.run(
      plan, [](const api::StepProgress&) {}, [&](const api::ApplyOutcome&) { ended = loop.now(); },
      moves_at_once);
  while (loop.advance_to_next_timer()) {
  }
  SimulatedRun out{recorded.snapshot(), ended - began};
  out.after.observed = std::move(observed);
  return out;
}

}  // namespace voicectl
