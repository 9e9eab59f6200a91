// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/output.h"

namespace voicectl {

/// Whether a plan is shown with the reason of each step.
enum class Reasons { kHide, kShow };

/// A plan (schema voicectl/plan/v1) as a person reads it: one line per step with its symbol, then
/// what it comes to. One of hundreds of steps is shown in part, unless their reasons are asked for;
/// tenants that are deleted are always named.
std::string print_plan(const Json& plan, const Palette& palette, Reasons reasons);

/// What a number of the plan's summary is called.
struct SummaryPart {
  std::string_view key;
  std::string_view one;
  std::string_view many;
};
std::span<const SummaryPart> summary_parts();

/// "3 tenants to create, 1 to delete; 1 instance to start; 1 nginx reload": what is not zero.
std::string print_summary(const Json& plan);

/// The plan's steps; an empty list if there are none. The reference lives as long as `plan`.
const Json& steps_of(const Json& plan);

/// Steps of the plan; 0 for an empty one.
std::size_t count_steps(const Json& plan);

/// A number of the plan's summary, such as "tenants_deleted".
std::size_t summary_count(const Json& plan, std::string_view key);

}  // namespace voicectl
