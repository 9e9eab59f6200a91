// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "cli/output.h"

namespace voicectl {

/// Whether a plan is shown with the reason of each step.
enum class Reasons { kHide, kShow };

/// A plan (schema voicectl/plan/v1) as a person reads it: one line per step with its symbol, then
/// what it comes to.
std::string print_plan(const Json& plan, const Palette& palette, Reasons reasons);

/// "3 tenants to create, 1 to delete; 1 instance to start; 1 nginx reload": what is not zero.
std::string print_summary(const Json& plan);

/// Steps of the plan; 0 for an empty one.
std::size_t count_steps(const Json& plan);

/// A number of the plan's summary, such as "tenants_deleted".
std::size_t summary_count(const Json& plan, std::string_view key);

}  // namespace voicectl
