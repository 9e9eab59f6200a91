// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/plan_draft.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>

#include "base/crypto.h"
#include "provisioner/plan/edge_plan.h"

namespace voicectl {
namespace {

/// Half of a SHA-256: short enough to read, long enough never to meet another by chance.
constexpr std::size_t kKeyLength = 32;

std::string key_of(const Action& action, const std::string& facts) {
  return sha256_hex(render_action(action) + "\n" + facts).substr(0, kKeyLength);
}

std::string id_of(const Plan& plan) {
  std::string text = "voicectl plan\n" + std::to_string(plan.base.value);
  for (const Step& step : plan.steps) {
    // The key covers the action and the facts; reason and needs are what it does not cover.
    text += "\n" + step.key + "\n" + step.reason;
    for (const std::size_t need : step.needs) {
      text += ' ';
      text += std::to_string(need);
    }
  }
  return sha256_hex(text);
}

PlanSummary summary_of(const std::vector<Step>& steps, const Snapshot& snapshot) {
  PlanSummary out;
  out.edge_reloads = reloads_of(steps, snapshot);
  const std::vector<DriftFinding>& drift = snapshot.observed.drift;
  out.drift_left = static_cast<std::size_t>(
      std::count_if(drift.begin(), drift.end(), [](const DriftFinding& finding) {
        return finding.repair == DriftRepair::kNone && !finding.is_held;
      }));
  for (const Step& step : steps) {
    std::visit(Overload{[](const SetPlatform&) {},
                        [](const InstallKey&) {},
                        [&](const CreateTenant&) { ++out.tenants_created; },
                        [&](const UpdateTenant&) { ++out.tenants_changed; },
                        [&](const DeleteTenant&) { ++out.tenants_deleted; },
                        [](const RecordWish&) {},
                        [](const PrepareTenantData&) {},
                        [](const RetireTenantData&) {},
                        [&](const StartInstance&) { ++out.instances_started; },
                        [&](const StopInstance&) { ++out.instances_stopped; },
                        [](const RetireInstance&) {},
                        [](const SetPrograms&) {},
                        [](const BindListener&) {},
                        [](const ReleaseListener&) {},
                        [&](const LendListener& a) { out.tenants_moved += a.from ? 1 : 0; },
                        [](const ReclaimListener&) {},
                        [&](const IssueCertificate&) { ++out.certificates; },
                        [](const RemoveCertificate&) {},
                        [](const PublishEdge&) {},
                        [](const PublishRoute&) {},
                        [](const WithdrawRoute&) {},
                        [](const RestoreFiles&) {},
                        [](const EndProcess&) {},
                        [](const RecordAdoption&) {}},
               step.action);
  }
  return out;
}

}  // namespace

StepRef PlanDraft::add(Action action, std::string reason, const std::vector<StepRef>& needs) {
  drafts_.push_back(Draft{std::move(action), std::move(reason), {}});
  const auto ref = static_cast<StepRef>(drafts_.size() - 1);
  for (const StepRef needed : needs) {
    need(ref, needed);
  }
  return ref;
}

void PlanDraft::need(StepRef step, std::optional<StepRef> needed) {
  if (!needed) {
    return;
  }
  std::vector<std::size_t>& needs = drafts_[static_cast<std::size_t>(step)].needs;
  const auto wanted = static_cast<std::size_t>(*needed);
  if (std::find(needs.begin(), needs.end(), wanted) == needs.end()) {
    needs.push_back(wanted);
  }
}

Result<std::vector<std::size_t>> PlanDraft::safe_order() const {
  std::vector<std::size_t> open(drafts_.size());
  std::vector<std::vector<std::size_t>> waiting(drafts_.size());
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    open[i] = drafts_[i].needs.size();
    for (const std::size_t need : drafts_[i].needs) {
      waiting[need].push_back(i);
    }
    if (open[i] == 0) {
      ready.push(i);
    }
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const std::size_t next : waiting[order.back()]) {
      if (--open[next] == 0) {
        ready.push(next);
      }
    }
  }
  if (order.size() != drafts_.size()) {
    return Error(ErrorCode::kInternal, "cannot order the plan: steps need each other in a circle");
  }
  return order;
}

void PlanDraft::lay_foundation() {
  // Settings are written into tenants' files, which must be files again by then.
  std::map<std::string, StepRef> restores;
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    const auto* const restore = std::get_if<RestoreFiles>(&drafts_[i].action);
    if (restore != nullptr && restore->tenant) {
      restores.emplace(subject_of(drafts_[i].action), static_cast<StepRef>(i));
    }
  }
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    const auto step = static_cast<StepRef>(i);
    const Action& action = drafts_[i].action;
    if (foundation_ && drafts_[i].needs.empty() && step != *foundation_ &&
        !std::holds_alternative<RestoreFiles>(action)) {
      need(step, foundation_);
    }
    if (std::holds_alternative<SetPlatform>(action)) {
      for (const auto& [subject, restore] : restores) {
        need(step, restore);
      }
    } else if (std::holds_alternative<UpdateTenant>(action)) {
      const auto own = restores.find(subject_of(action));
      need(step, own == restores.end() ? std::nullopt : std::optional(own->second));
    }
  }
}

Result<Plan> PlanDraft::finish(const Snapshot& snapshot) && {
  lay_foundation();
  VC_TRY(const std::vector<std::size_t> order, safe_order());
  std::vector<std::size_t> number_of(order.size());
  Plan plan{.id = {}, .base = snapshot.generation, .steps = {}, .summary = {}};
  for (std::size_t number = 0; number < order.size(); ++number) {
    Draft& draft = drafts_[order[number]];
    number_of[order[number]] = number;
    std::string key = key_of(draft.action, base_facts(snapshot, draft.action));
    std::vector<std::size_t> needs;
    for (const std::size_t need : draft.needs) {
      needs.push_back(number_of[need]);
    }
    std::sort(needs.begin(), needs.end());
    plan.steps.push_back(Step{number, std::move(draft.action), std::move(draft.reason),
                              std::move(needs), std::move(key)});
  }
  plan.summary = summary_of(plan.steps, snapshot);
  plan.id = id_of(plan);
  return plan;
}

}  // namespace voicectl
