// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/rollout_driver.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "provisioner/daemon/rollout_story.h"

namespace voicectl {
namespace {

/// Names in a sentence; who wants all of them asks for the JSON.
constexpr std::size_t kNamesInText = 5;

std::string names_of(const std::vector<TenantId>& tenants) {
  std::string out;
  for (std::size_t i = 0; i < tenants.size() && i < kNamesInText; ++i) {
    out += (out.empty() ? "" : ", ") + tenants[i].str();
  }
  return tenants.size() <= kNamesInText
             ? out
             : fmt::format("{} and {} more", out, tenants.size() - kNamesInText);
}

std::string count_of(std::size_t tenants) {
  return fmt::format("{} tenant{}", tenants, tenants == 1 ? "" : "s");
}

}  // namespace

RolloutDriver::RolloutDriver(Deps deps,
                             const std::optional<std::string>& note,
                             const std::optional<DesiredState>& desired)
    : deps_(std::move(deps)) {
  take_note(note.value_or("{}"), desired);
}

RolloutDriver::~RolloutDriver() = default;

void RolloutDriver::begin(const Plan& plan,
                          ApplyListener listener,
                          const std::optional<Error>& cut) {
  VC_CHECK(story_ == nullptr, "one apply at a time");
  story_ = std::make_unique<Story>();
  story_->began = deps_.reactor.now();
  before_.reset();
  story_->listener = std::move(listener);
  story_->batches = batches_of(plan, spec_);
  story_->planned = plan.steps.size();
  story_->listener.on_started(plan);
  beat();
  if (story_->batches.empty()) {
    story_->batches.emplace_back();  // steps that are done for nobody
  }
  deps_.events.add("rollout.started", "plan/" + plan.id.substr(0, 12),
                   dump_json({{"batches", story_->batches.size()},
                              {"canary", story_->batches.front().is_canary},
                              {"pause_s", spec_.pause.count()},
                              {"max_failures", spec_.failures_allowed()}}));
  if (cut) {
    const std::vector<TenantId>& first = story_->batches.front().tenants;
    story_->returned.insert(first.begin(), first.end());
    story_->cut = cut;
    stop(cut->text());
    return;
  }
  run_batch(plan);
}

std::string RolloutDriver::describe_batch() const {
  const RolloutBatch& batch = story_->batches[story_->batch];
  return fmt::format("batch {} of {}{}: {}", story_->batch + 1, story_->batches.size(),
                     batch.is_canary ? " (canary)" : "", names_of(batch.tenants));
}

void RolloutDriver::begin_batch() {
  if (deps_.is_busy()) {
    deps_.when_idle([this, alive = std::weak_ptr(story_->alive)] {
      if (!alive.expired()) {
        begin_batch();
      }
    });
    return;
  }
  if (story_->cut) {
    stop(story_->cut->text());
    return;
  }
  State next = state_;
  for (const TenantId& tenant : story_->batches[story_->batch].tenants) {
    next.held.erase(tenant);
    story_->returned.insert(tenant);  // if it is stopped before it has begun with them
  }
  record(std::move(next), [this, alive = std::weak_ptr(story_->alive)](const Status& recorded) {
    if (alive.expired() || story_->is_ending) {
      return;
    }
    if (recorded.has_error() || story_->cut) {
      stop(recorded.has_error() ? recorded.error().text() : story_->cut->text());
      return;
    }
    if (deps_.is_busy()) {
      begin_batch();
      return;
    }
    // Whatever happened during the pause is in it.
    Result<Plan> plan = deps_.plan();
    plan.has_error() ? stop(plan.error().text()) : run_batch(std::move(*plan));
  });
}

void RolloutDriver::run_batch(Plan plan) {
  const std::vector<TenantId>& tenants = story_->batches[story_->batch].tenants;
  const std::set<TenantId> batch(tenants.begin(), tenants.end());
  Plan part = part_of(plan, [&batch](const TenantId& tenant) { return batch.contains(tenant); });
  story_->tenants = tenants_of_steps(part);
  story_->begun.clear();
  story_->is_in_batch = true;
  if (story_->batches.size() > 1) {
    tell(api::StepState::kRunning, describe_batch());
  }
  story_->returned.clear();
  deps_.execute(std::move(part),
                ApplyListener{[](const Plan&) {},
                              [this](const api::StepProgress& progress) { hear(progress); },
                              [this](const api::ApplyOutcome& outcome) { batch_ended(outcome); }});
}

void RolloutDriver::hear(const api::StepProgress& progress) {
  const std::optional<TenantId> tenant =
      progress.number < story_->tenants.size() ? story_->tenants[progress.number] : std::nullopt;
  api::StepProgress told = progress;
  told.number += story_->told;
  story_->listener.on_progress(told);
  if (!tenant) {
    return;
  }
  const bool is_bad =
      progress.state == api::StepState::kFailed || progress.state == api::StepState::kSkipped;
  if (progress.state == api::StepState::kRunning) {
    story_->begun.insert(*tenant);
    story_->returned.erase(*tenant);
  } else if (is_bad && story_->cut) {
    // Cut short, it is nobody's failure; whose turn had not come stays as they are.
    if (!story_->begun.contains(*tenant)) {
      story_->returned.insert(*tenant);
    }
  } else if (is_bad && !story_->returned.contains(*tenant)) {
    note_failure(*tenant, progress.error);
  }
}

void RolloutDriver::note_failure(const TenantId& tenant, const std::string& error) {
  if (!state_.failed.emplace(tenant, error).second) {
    return;
  }
  deps_.events.add("rollout.tenant_failed", "tenant/" + tenant.str(),
                   dump_json({{"error", error}}));
  if (is_over_budget()) {
    hold_the_rest();
  }
}

bool RolloutDriver::is_over_budget() const {
  const RolloutBatch& batch = story_->batches[story_->batch];
  const bool has_bad_canary =
      batch.is_canary &&
      std::any_of(batch.tenants.begin(), batch.tenants.end(),
                  [this](const TenantId& tenant) { return state_.failed.contains(tenant); });
  return has_bad_canary || state_.failed.size() > spec_.failures_allowed();
}

void RolloutDriver::hold_the_rest() {
  if (!story_->is_in_batch) {
    return;  // all of the batch had their turn
  }
  std::map<TenantId, std::vector<std::size_t>> steps_of;
  for (std::size_t i = 0; i < story_->tenants.size(); ++i) {
    const std::optional<TenantId>& tenant = story_->tenants[i];
    if (tenant && !state_.failed.contains(*tenant)) {
      steps_of[*tenant].push_back(i);
    }
  }
  // Who has begun is brought to its end: half a tenant would be worse than either.
  std::vector<std::size_t> waiting;
  for (const auto& [tenant, steps] : steps_of) {
    if (!deps_.executor.has_begun(steps)) {
      story_->returned.insert(tenant);
      waiting.insert(waiting.end(), steps.begin(), steps.end());
    }
  }
  deps_.executor.skip(
      waiting, Error(ErrorCode::kCancelled, "cannot begin this: too many tenants have failed"));
}

void RolloutDriver::add_up(const api::ApplyOutcome& outcome) {
  story_->outcome.done += outcome.done;
  story_->outcome.failed += outcome.failed;
  story_->outcome.skipped += outcome.skipped;
  story_->outcome.undone += outcome.undone;
  story_->told += story_->tenants.size();
  if (!outcome.remedy.empty()) {
    story_->outcome.remedy = outcome.remedy;
  }
  for (const api::Compared& each : outcome.compared) {
    api::Compared& sum =
        story_->compared.try_emplace(each.quantity, api::Compared{each.quantity}).first->second;
    if (each.quantity == name_of(Quantity::kLongestPause)) {
      sum.forecast = std::max(sum.forecast, each.forecast);
      sum.outcome = std::max(sum.outcome, each.outcome);
    } else {
      sum.forecast += each.forecast;
      sum.outcome += each.outcome;
    }
  }
}

void RolloutDriver::batch_ended(const api::ApplyOutcome& outcome) {
  add_up(outcome);
  story_->is_in_batch = false;
  if (story_->cut) {
    stop(story_->cut->text());
  } else if (is_over_budget()) {
    go_on();
  } else if (spec_.pause > Duration::zero() && story_->batch + 1 < story_->batches.size()) {
    begin_watch();
  } else {
    go_on();
  }
}

void RolloutDriver::go_on() {
  const bool is_last = story_->batch + 1 == story_->batches.size();
  if (!state_.failed.empty() && is_over_budget()) {
    const std::size_t most =
        story_->batches[story_->batch].is_canary ? 0 : spec_.failures_allowed();
    stop(fmt::format("{} failed, and {} may", count_of(state_.failed.size()),
                     most == 0 ? "none" : fmt::format("only {}", most)));
    return;
  }
  if (story_->batches.size() > 1) {
    tell(api::StepState::kDone, describe_batch());
  }
  if (is_last) {
    finish();
    return;
  }
  ++story_->batch;
  begin_batch();
}

void RolloutDriver::stop(const std::string& why) {
  if (std::exchange(story_->is_ending, true)) {
    return;
  }
  story_->stopped = why;
  State next = state_;
  next.held.insert(story_->returned.begin(), story_->returned.end());
  next.stopped = why;
  record(next, [this, why, next, alive = std::weak_ptr(story_->alive)](const Status& recorded) {
    if (alive.expired()) {
      return;
    }
    if (recorded.has_error()) {
      // Whom it holds back stays held back in any case.
      state_ = next;
      record_later();
      story_->unrecorded = recorded.error().text();
    }
    Json detail = {{"reason", why}, {"failed", state_.failed.size()}, {"held", state_.held.size()}};
    if (recorded.has_error()) {
      detail["error"] = story_->unrecorded;
    }
    deps_.events.add("rollout.stopped", "rollout", dump_json(detail));
    finish();
  });
}

void RolloutDriver::finish() {
  const std::unique_ptr<Story> story = std::move(story_);
  api::ApplyOutcome outcome = story->outcome;
  api::RolloutOutcome rollout;
  rollout.batches = story->batches.size();
  rollout.batches_done = story->batch + (story->stopped.empty() ? 1 : 0);
  rollout.stopped = story->stopped;
  std::vector<TenantId> failed;
  for (const auto& [tenant, error] : state_.failed) {
    rollout.failed.emplace_back(tenant.str(), error);
    failed.push_back(tenant);
  }
  for (const TenantId& tenant : state_.held) {
    rollout.held.push_back(tenant.str());
  }
  if (!story->stopped.empty()) {
    outcome.skipped += story->planned - std::min(story->planned, story->told);
    outcome.remedy = fmt::format(
        "the rollout was stopped: {}. {} not begun and {} as {}; mend what failed, then run "
        "'voicectl apply' again to go on",
        story->stopped, count_of(state_.held.size()) + (state_.held.size() == 1 ? " was" : " were"),
        state_.held.size() == 1 ? "stays" : "stay", state_.held.size() == 1 ? "it is" : "they are");
    if (!story->unrecorded.empty()) {
      outcome.remedy += fmt::format("; that could not be recorded yet ({})", story->unrecorded);
    }
  } else if (!failed.empty()) {
    outcome.remedy = fmt::format(
        "{} failed and stayed with what they had where the new did not get ready: {}; mend them, "
        "then run 'voicectl apply' again",
        count_of(failed.size()), names_of(failed));
  }
  for (auto& [quantity, sum] : story->compared) {
    if (quantity == name_of(Quantity::kDuration)) {
      // Of the whole, as it was told before it began.
      sum.forecast += microseconds_of(story->pauses);
      sum.outcome = microseconds_of(deps_.reactor.now() - story->began);
    }
    outcome.compared.push_back(sum);
  }
  outcome.rollout = std::move(rollout);
  if (story->stopped.empty()) {
    deps_.events.add("rollout.finished", "rollout",
                     dump_json({{"batches", story->batches.size()}, {"failed", failed.size()}}));
    state_ = State{};
    record(State{}, [](const Status&) {});  // holds nobody back, whether it is written or not
  }
  story->listener.on_finished(outcome);
}

void RolloutDriver::cut_short(const Error& why) {
  if (story_ == nullptr || story_->cut) {
    return;
  }
  story_->cut = why;
  if (!story_->is_in_batch) {
    // It waits or watches: nothing else will end it.
    deps_.reactor.post([this, alive = std::weak_ptr(story_->alive)] {
      if (!alive.expired() && !story_->is_in_batch) {
        stop(story_->cut->text());
      }
    });
  }
}

}  // namespace voicectl
