// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/output.h"

namespace voicectl {

/// How one plan (schema voicectl/plan/v1) differs from another. Steps are those of the plans.
struct PlanDifference {
  std::vector<Json> removed;
  std::vector<Json> added;
  /// The same kind of step for the same subject, with another text or reason: before and after.
  std::vector<std::pair<Json, Json>> changed;
  bool empty() const;
};

PlanDifference compare_plans(const Json& before, const Json& after);

/// For people. Says so if the steps are the same and only the state beneath them is another.
std::string print_difference(const PlanDifference& difference, const Palette& palette);

/// {"removed":[step],"added":[step],"changed":[{"before","after"}]}.
Json render_difference(const PlanDifference& difference);

}  // namespace voicectl
