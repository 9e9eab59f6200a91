// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/drift_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace voicectl {
namespace {

/// Findings that one step names; the others are counted.
constexpr std::size_t kMostNamed = 3;

bool is_desired(const PlanContext& context, const TenantId& tenant) {
  const RecordedTenant* const recorded = context.find_recorded(tenant);
  const std::vector<TenantSpec>& wanted = context.desired().tenants;
  return recorded != nullptr && recorded->phase != TenantPhase::kDeleting &&
         std::any_of(wanted.begin(), wanted.end(),
                     [&](const TenantSpec& spec) { return spec.tenant == tenant; });
}

}  // namespace

std::string drift_reason(const std::vector<const DriftFinding*>& findings) {
  std::string out = "drift: ";
  for (std::size_t i = 0; i < std::min(findings.size(), kMostNamed); ++i) {
    out += (i > 0 ? "; " : "") + summarize(*findings[i]);
  }
  if (findings.size() > kMostNamed) {
    out += fmt::format("; and {} more", findings.size() - kMostNamed);
  }
  return out;
}

void plan_drift(PlanContext& context) {
  // In the order of the findings, so that equal findings give equal plans.
  std::map<std::optional<TenantId>, std::vector<const DriftFinding*>> restores;
  for (const DriftFinding& finding : context.snapshot().observed.drift) {
    if (finding.repair == DriftRepair::kEnd) {
      context.draft.add(EndProcess{finding.pid, finding.start_ticks}, drift_reason({&finding}));
    }
    if (finding.repair == DriftRepair::kRestore &&
        (!finding.tenant || is_desired(context, *finding.tenant))) {
      restores[finding.tenant].push_back(&finding);
    }
  }
  for (const auto& [tenant, findings] : restores) {
    context.draft.add(RestoreFiles{tenant}, drift_reason(findings));
  }
}

Status check_adoptions(const Snapshot& snapshot, const std::string& wanted_edge) {
  const auto adopted = snapshot.adoptions.find(std::string(kEdgeFileName));
  if (adopted == snapshot.adoptions.end() || wanted_edge.empty() ||
      wanted_edge == snapshot.edge_fingerprint) {
    return ok_status();
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot change the edge's configuration: the one on disk was adopted by "
                           "{} ({}); 'voicectl adopt --undo {}' gives it up",
                           adopted->second.who, adopted->second.why, kEdgeFileName));
}

}  // namespace voicectl
