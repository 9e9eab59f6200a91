// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/rollout.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace voicectl {
namespace {

constexpr std::string_view kTenantPrefix = "tenant/";

/// Whom a step is done for, while that is being found out.
struct Cause {
  std::optional<TenantId> tenant;
  bool is_for_several = false;

  void add(const Cause& other) {
    is_for_several = is_for_several || other.is_for_several ||
                     (tenant && other.tenant && *tenant != *other.tenant);
    if (!tenant) {
      tenant = other.tenant;
    }
  }
  bool is_for_somebody() const { return tenant.has_value() || is_for_several; }
};

std::optional<TenantId> tenant_in(const Action& action) {
  const std::string subject = subject_of(action);
  if (!subject.starts_with(kTenantPrefix)) {
    return std::nullopt;
  }
  const Result<TenantId> tenant = TenantId::parse(subject.substr(kTenantPrefix.size()));
  return tenant.has_value() ? std::optional(*tenant) : std::nullopt;
}

/// Needs point backwards, so one pass from the end reaches everything.
std::vector<Cause> causes_in(const Plan& plan) {
  std::vector<Cause> out(plan.steps.size());
  for (std::size_t i = plan.steps.size(); i-- > 0;) {
    if (std::optional<TenantId> own = tenant_in(plan.steps[i].action)) {
      out[i] = Cause{std::move(own), false};
    }
    for (const std::size_t need : plan.steps[i].needs) {
      out[need].add(out[i]);
    }
  }
  return out;
}

std::vector<bool> steps_of_part(const Plan& plan,
                                const std::function<bool(const TenantId&)>& is_in) {
  const std::vector<Cause> causes = causes_in(plan);
  std::vector<bool> kept(plan.steps.size());
  for (std::size_t i = plan.steps.size(); i-- > 0;) {
    const Cause& cause = causes[i];
    kept[i] = kept[i] || (cause.tenant && !cause.is_for_several && is_in(*cause.tenant));
    for (const std::size_t need : plan.steps[i].needs) {
      kept[need] = kept[need] || kept[i];
    }
  }
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const std::vector<std::size_t>& needs = plan.steps[i].needs;
    kept[i] = kept[i] || (!causes[i].is_for_somebody() &&
                          std::all_of(needs.begin(), needs.end(),
                                      [&kept](std::size_t need) { return kept[need]; }));
  }
  return kept;
}

void lose_domains(TenantSpec& spec, const std::set<std::string>& taken) {
  std::erase_if(spec.domains,
                [&taken](const HostName& domain) { return taken.contains(domain.str()); });
}

}  // namespace

std::vector<std::optional<TenantId>> tenants_of_steps(const Plan& plan) {
  std::vector<std::optional<TenantId>> out;
  for (Cause& cause : causes_in(plan)) {
    out.push_back(cause.is_for_several ? std::nullopt : std::move(cause.tenant));
  }
  return out;
}

std::vector<RolloutBatch> batches_of(const Plan& plan, const RolloutSpec& spec) {
  std::set<TenantId> open;
  std::set<TenantId> deleted;
  for (const Step& step : plan.steps) {
    if (std::optional<TenantId> tenant = tenant_in(step.action)) {
      if (std::holds_alternative<DeleteTenant>(step.action)) {
        deleted.insert(*tenant);
      }
      open.insert(std::move(*tenant));
    }
  }
  std::vector<RolloutBatch> out;
  RolloutBatch canaries{.tenants = {}, .is_canary = true};
  for (const TenantId& canary : spec.canary) {
    if (open.erase(canary) > 0) {
      canaries.tenants.push_back(canary);
      deleted.erase(canary);
    }
  }
  if (!canaries.tenants.empty()) {
    out.push_back(std::move(canaries));
  }
  std::vector<TenantId> rest;
  std::set_difference(open.begin(), open.end(), deleted.begin(), deleted.end(),
                      std::back_inserter(rest));
  rest.insert(rest.end(), deleted.begin(), deleted.end());
  const std::size_t size = std::max<std::size_t>(1, spec.batch.value_or(kMostTenantsInABatch));
  for (std::size_t first = 0; first < rest.size(); first += size) {
    const auto begin = rest.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        rest.begin() + static_cast<std::ptrdiff_t>(std::min(first + size, rest.size()));
    out.push_back(RolloutBatch{std::vector<TenantId>(begin, end), false});
  }
  return out;
}

Plan part_of(const Plan& plan, const std::function<bool(const TenantId&)>& is_in) {
  const std::vector<bool> kept = steps_of_part(plan, is_in);
  std::vector<std::size_t> number_of(plan.steps.size());
  Plan out{.id = plan.id, .base = plan.base, .steps = {}, .summary = plan.summary};
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (!kept[i]) {
      continue;
    }
    Step step = plan.steps[i];
    number_of[i] = out.steps.size();
    step.number = out.steps.size();
    for (std::size_t& need : step.needs) {
      need = number_of[need];
    }
    out.steps.push_back(std::move(step));
  }
  return out;
}

DesiredState held_back(const DesiredState& desired,
                       const Snapshot& snapshot,
                       const std::set<TenantId>& held) {
  DesiredState out{desired.platform, {}};
  std::set<std::string> taken;
  std::map<TenantId, const TenantSpec*> wanted;
  for (const TenantSpec& spec : desired.tenants) {
    if (!held.contains(spec.tenant)) {
      wanted.emplace(spec.tenant, &spec);
      for (const HostName& domain : spec.domains) {
        taken.insert(domain.str());
      }
    }
  }
  std::map<TenantId, TenantSpec> kept;
  for (const TenantId& tenant : held) {
    const auto recorded = snapshot.tenants.find(tenant);
    if (recorded != snapshot.tenants.end() && recorded->second.phase != TenantPhase::kDeleting) {
      TenantSpec spec = recorded->second.spec;
      lose_domains(spec, taken);
      kept.emplace(tenant, std::move(spec));
    }
  }
  for (const auto& [tenant, spec] : wanted) {
    kept.emplace(tenant, *spec);
  }
  for (auto& [tenant, spec] : kept) {
    out.tenants.push_back(std::move(spec));
  }
  return out;
}

std::set<TenantId> begun_among(const std::set<TenantId>& held, const Snapshot& snapshot) {
  std::set<TenantId> out;
  for (const TenantId& tenant : held) {
    const auto recorded = snapshot.tenants.find(tenant);
    if (recorded != snapshot.tenants.end() && recorded->second.phase == TenantPhase::kCreating) {
      out.insert(tenant);
    }
  }
  return out;
}

EffectForecast rolled_out(EffectForecast forecast, std::size_t batches, const RolloutSpec& spec) {
  if (batches < 2) {
    return forecast;
  }
  const Duration pauses = spec.pause * static_cast<std::int64_t>(batches - 1);
  forecast.duration.typical += pauses;
  forecast.duration.at_most += pauses;
  forecast.quantities[Quantity::kDuration] = microseconds_of(forecast.duration.typical);
  forecast.unknown.push_back(fmt::format(
      "how much longer {} batches take one after the other than side by side", batches));
  return forecast;
}

}  // namespace voicectl
