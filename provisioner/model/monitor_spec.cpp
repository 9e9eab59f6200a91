// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/monitor_spec.h"

#include <fmt/core.h>

#include <algorithm>

#include "provisioner/model/desired_state.h"

namespace voicectl {
namespace {

Status check_marks(std::string_view plan, const LoadMarks& marks) {
  const auto is_wrong = [](const std::optional<ExtraMarks>& extra) {
    return extra && extra->low >= extra->high;
  };
  if (marks.low_sessions >= marks.high_sessions || marks.low_cpu >= marks.high_cpu ||
      is_wrong(marks.p99_ms) || is_wrong(marks.in_flight)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use the promotion policy: each low mark of plan '{}' must be "
                             "below its high mark",
                             plan));
  }
  if (marks.high_dwell.count() < 0) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot use the promotion policy: the dwell of plan '{}' must not be below 0",
                    plan));
  }
  return ok_status();
}

}  // namespace

const LoadMarks& PromotionPolicy::marks_for(PricePlan plan) const {
  switch (plan) {
    case PricePlan::kStarter:
      return starter;
    case PricePlan::kProfessional:
      return professional;
    case PricePlan::kEnterprise:
      break;
  }
  return enterprise;
}

std::chrono::seconds longest_dwell(const PromotionPolicy& policy) {
  return std::max({policy.low_dwell, policy.balance.dwell, policy.starter.high_dwell,
                   policy.professional.high_dwell, policy.enterprise.high_dwell});
}

Status check_policy(const PromotionPolicy& policy) {
  for (const PricePlan plan :
       {PricePlan::kStarter, PricePlan::kProfessional, PricePlan::kEnterprise}) {
    VC_TRY(check_marks(name_of(plan), policy.marks_for(plan)));
  }
  if (policy.low_dwell.count() <= 0 || policy.cooldown.count() < 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot use the promotion policy: the dwell before a demotion must be above 0");
  }
  if (policy.balance.dwell.count() <= 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot use the promotion policy: the dwell before a rebalance must be above 0");
  }
  if (longest_dwell(policy) > kLongestDwell) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot use the promotion policy: a dwell may be at most {} hours long",
                    kLongestDwell.count()));
  }
  return ok_status();
}

}  // namespace voicectl
