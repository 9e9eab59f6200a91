// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "provisioner/plan/plan_context.h"

namespace voicectl {

/// Adds what brings drift back that no other theme of the plan sees: files to restore, processes to
/// end. What was adopted is not among what is observed here.
///
/// A tenant that is not desired any more is left alone: what is wrong with it goes with it.
void plan_drift(PlanContext& context);

/// Why a step is there that repairs `findings`: "drift: '/run/x' was edited by hand; ...".
std::string drift_reason(const std::vector<const DriftFinding*>& findings);

/// Nobody may change what a person has adopted but by giving it up first.
/// ERRORS: kConflict if `wanted_edge` is another configuration than the published one while that
/// file is adopted.
Status check_adoptions(const Snapshot& snapshot, const std::string& wanted_edge);

}  // namespace voicectl
