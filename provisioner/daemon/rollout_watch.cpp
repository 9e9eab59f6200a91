// SPDX-License-Identifier: Apache-2.0
// How a rollout looks at the tenants of a batch before the next one goes, and what is told of it.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/daemon/probe_round.h"
#include "provisioner/daemon/rollout_driver.h"
#include "provisioner/daemon/rollout_story.h"

namespace voicectl {

void RolloutDriver::begin_watch() {
  story_->bad_looks.clear();
  story_->unasked = 0;
  story_->watch_until = deps_.reactor.now() + spec_.pause;
  story_->pauses += spec_.pause;
  look();
}

void RolloutDriver::look() {
  std::vector<TenantId> asked;
  std::vector<ProbeTarget> targets;
  for (const TenantId& tenant : story_->batches[story_->batch].tenants) {
    const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
    if (recorded != nullptr && recorded->phase == TenantPhase::kServing &&
        !state_.failed.contains(tenant)) {
      asked.push_back(tenant);
      targets.push_back(probe_target_of(*recorded, deps_.paths));
    }
  }
  ask_each(deps_.probe, targets,
           [this, alive = std::weak_ptr(story_->alive), asked](const std::vector<Status>& answers) {
             if (!alive.expired() && !story_->cut) {
               looked(asked, answers);
             }
           });
}

void RolloutDriver::looked(const std::vector<TenantId>& asked, const std::vector<Status>& answers) {
  bool is_well = true;
  std::string why_unasked;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    int& bad = story_->bad_looks[asked[i]];
    if (answers[i].has_error() && answers[i].error().code() == ErrorCode::kResourceExhausted) {
      why_unasked = answers[i].error().text();  // that says nothing of it, so it is asked again
      continue;
    }
    bad = answers[i].has_error() ? bad + 1 : 0;
    is_well = is_well && bad == 0;
    if (bad >= kProbeFailures) {
      note_failure(asked[i], "it does not answer: " + answers[i].error().text());
    }
  }
  story_->unasked = why_unasked.empty() ? 0 : story_->unasked + 1;
  if (story_->unasked >= kMostUnasked && !is_over_budget()) {
    stop("nobody could ask whether its tenants are well: " + why_unasked);
    return;
  }
  is_well = is_well && why_unasked.empty();
  const Duration left = story_->watch_until - deps_.reactor.now();
  if (is_over_budget() || (is_well && left <= Duration::zero())) {
    go_on();
    return;
  }
  // Whoever did not answer is asked once more, also when the time is over.
  later(left > Duration::zero() ? std::min<Duration>(kProbeInterval, left) : kProbeInterval,
        [this] { look(); });
}

void RolloutDriver::later(Duration wait, std::function<void()> act) {
  deps_.reactor.call_after(wait,
                           [this, alive = std::weak_ptr(story_->alive), act = std::move(act)] {
                             if (!alive.expired() && !story_->cut) {
                               act();
                             }
                           });
}

void RolloutDriver::beat() {
  deps_.reactor.call_after(kBeat, [this, alive = std::weak_ptr(story_->alive)] {
    if (alive.expired()) {
      return;
    }
    const Duration left = story_->watch_until - deps_.reactor.now();
    tell(api::StepState::kRunning,
         left > Duration::zero()
             ? fmt::format("{}, watched for another {}", describe_batch(), format_duration(left))
             : describe_batch());
    beat();
  });
}

void RolloutDriver::tell(api::StepState state, const std::string& text, const std::string& error) {
  story_->listener.on_progress(api::StepProgress{story_->planned + story_->lines++, state,
                                                 "rollout", "rollout", text, 0, error});
}

Json RolloutDriver::status() const {
  if (state_.is_empty() && story_ == nullptr) {
    return nullptr;
  }
  Json held = Json::array();
  for (const TenantId& tenant : state_.held) {
    held.push_back(tenant.str());
  }
  Json failed = Json::array();
  for (const auto& [tenant, error] : state_.failed) {
    failed.push_back({{"tenant", tenant.str()}, {"error", error}});
  }
  return {{"under_way", story_ != nullptr},
          {"batch", story_ == nullptr ? Json(nullptr) : Json(story_->batch + 1)},
          {"batches", story_ == nullptr ? Json(nullptr) : Json(story_->batches.size())},
          {"stopped", state_.stopped.empty() ? Json(nullptr) : Json(state_.stopped)},
          {"failed", std::move(failed)},
          {"held", std::move(held)}};
}

}  // namespace voicectl
