// SPDX-License-Identifier: Apache-2.0
#include "provisioner/migrate/session_migrator.h"

#include <utility>

namespace voicectl {

struct SessionMigrator::Try {
  Move move;
  std::function<void(MoveOutcome)> done;
  MonoTime began{};
  std::size_t number = 0;
  bool is_configured = false;
  std::optional<Result<handoff::HandOverReport>> source;
  std::optional<Status> target;
};

void SessionMigrator::move(Move what, std::function<void(MoveOutcome)> done) {
  begin(std::make_shared<Try>(
      Try{std::move(what), std::move(done), deps_.reactor.now(), 0, false, {}, {}}));
}

void SessionMigrator::begin(const std::shared_ptr<Try>& attempt) {
  attempt->source.reset();
  attempt->target.reset();
  Result<std::pair<UniqueFd, UniqueFd>> pair = deps_.channels.make_pair();
  if (pair.has_error()) {
    MoveOutcome outcome;
    outcome.verdict = Verdict::kKept;  // nobody was asked, so no token was met
    outcome.why = pair.error();
    deps_.reactor.post([attempt, outcome] { attempt->done(outcome); });
    return;
  }
  attempt->move.to.token = attempt->move.next_token();
  const LendOptions& to = attempt->move.to;
  OnHandOverProgress on_progress;
  handoff::HandOverOrder order{to.tenant, to.generation, to.token, attempt->move.next_token(),
                               kPatience[attempt->number]};
  if (attempt->move.on_progress) {
    order.progress_every = kProgressEvery;
    on_progress = [alive = std::weak_ptr(alive_), attempt](const handoff::HandOverProgress& seen) {
      if (!alive.expired()) {
        attempt->move.on_progress(seen);
      }
    };
  }
  const auto answered = [this, alive = std::weak_ptr(alive_), attempt](auto& slot, auto answer) {
    slot.emplace(std::move(answer));
    if (!alive.expired() && attempt->source && attempt->target) {
      take_answers(attempt);
    }
  };
  deps_.instances.receive(
      to, pair->second.get(), order.patience + kHandOverGrace,
      [answered, attempt](const Status& taken) { answered(attempt->target, taken); });
  deps_.instances.hand_over(attempt->move.from, order, pair->first.get(), on_progress,
                            [answered, attempt](const Result<handoff::HandOverReport>& report) {
                              answered(attempt->source, report);
                            });
}

void SessionMigrator::take_answers(const std::shared_ptr<Try>& attempt) {
  MoveOutcome outcome;
  outcome.verdict = judge(*attempt->source, *attempt->target);
  outcome.tries = static_cast<int>(attempt->number) + 1;
  outcome.took = deps_.reactor.now() - attempt->began;
  if (attempt->source->has_value()) {
    outcome.report = **attempt->source;
  }
  if (outcome.verdict == Verdict::kMoved) {
    outcome.token = attempt->move.to.token;
    return attempt->done(outcome);
  }
  outcome.why = why_not_moved(*attempt->source, *attempt->target);
  outcome.remedy = remedy_for(outcome.verdict, outcome.why);
  outcome.token = outcome.report.token;
  if (outcome.remedy == Remedy::kConfigure) {
    return configure(attempt, std::move(outcome));
  }
  if (outcome.remedy != Remedy::kAgain || attempt->number + 1 == kPatience.size()) {
    return attempt->done(outcome);
  }
  ++attempt->number;
  deps_.reactor.call_after(kBetweenTries, [this, attempt, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) {
      begin(attempt);
    }
  });
}

void SessionMigrator::configure(const std::shared_ptr<Try>& attempt, MoveOutcome outcome) {
  if (attempt->is_configured || !attempt->move.configure) {
    outcome.remedy = Remedy::kLeave;
    return attempt->done(outcome);
  }
  attempt->is_configured = true;
  attempt->move.configure(
      [this, attempt, outcome, alive = std::weak_ptr(alive_)](const Status& taken) mutable {
        if (alive.expired()) {
          return;
        }
        if (taken.has_value()) {
          return begin(attempt);
        }
        outcome.remedy = Remedy::kLeave;
        outcome.why = taken.error().with_context("giving its instance the recorded configuration");
        attempt->done(outcome);
      });
}

}  // namespace voicectl
