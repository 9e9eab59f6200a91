// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/plan/action.h"
#include "provisioner/plan/effect_forecast.h"
#include "provisioner/plan/rollout.h"

namespace voicectl {
namespace {

constexpr std::string_view kPlanSchema = "voicectl/plan/v1";

Json summary_json(const PlanSummary& summary) {
  Json out = {{"tenants_created", summary.tenants_created},
              {"tenants_changed", summary.tenants_changed},
              {"tenants_moved", summary.tenants_moved},
              {"tenants_deleted", summary.tenants_deleted},
              {"instances_started", summary.instances_started},
              {"instances_stopped", summary.instances_stopped},
              {"edge_reloads", summary.edge_reloads},
              {"certificates", summary.certificates}};
  if (summary.drift_left > 0) {
    out["drift_left"] = summary.drift_left;
  }
  return out;
}

Json step_json(const Step& step) {
  return {{"number", step.number},
          {"kind", kind_of(step.action)},
          {"symbol", std::string(1, character_of(symbol_of(step.action)))},
          {"subject", subject_of(step.action)},
          {"text", describe(step.action)},
          {"reason", step.reason},
          {"needs", step.needs},
          {"key", step.key}};
}

}  // namespace

std::string render_plan_summary(const Plan& plan) {
  Json out = summary_json(plan.summary);
  out["steps"] = plan.steps.size();
  return dump_json(out);
}

namespace {

Json plan_json(const Plan& plan) {
  Json steps = Json::array();
  for (const Step& step : plan.steps) {
    steps.push_back(step_json(step));
  }
  return {{"schema", kPlanSchema},
          {"id", plan.id},
          {"base_generation", plan.base.value},
          {"summary", summary_json(plan.summary)},
          {"steps", std::move(steps)}};
}

}  // namespace

std::string render_plan_json(const Plan& plan) {
  return dump_json(plan_json(plan));
}

std::string render_plan_json(const Plan& plan, const EffectForecast& forecast) {
  Json out = plan_json(plan);
  out["forecast"] = forecast_json(forecast);
  return dump_json(out);
}

std::string render_plan_json(const Plan& plan,
                             const EffectForecast& forecast,
                             const RolloutSpec& spec) {
  const std::vector<RolloutBatch> rollout = batches_of(plan, spec);
  Json batches = Json::array();
  for (const RolloutBatch& batch : rollout) {
    Json tenants = Json::array();
    for (const TenantId& tenant : batch.tenants) {
      tenants.push_back(tenant.str());
    }
    batches.push_back({{"canary", batch.is_canary}, {"tenants", std::move(tenants)}});
  }
  Json out = plan_json(plan);
  out["forecast"] = forecast_json(rolled_out(forecast, rollout.size(), spec));
  out["rollout"] = rollout_json(spec);
  out["rollout"]["batches"] = std::move(batches);
  return dump_json(out);
}

}  // namespace voicectl
