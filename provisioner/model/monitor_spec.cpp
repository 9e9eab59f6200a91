// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/monitor_spec.h"

#include <fmt/core.h>

#include "provisioner/model/desired_state.h"

namespace voicectl {
namespace {

Status check_marks(std::string_view plan, const LoadMarks& marks) {
  if (marks.low_sessions >= marks.high_sessions || marks.low_cpu >= marks.high_cpu) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use the promotion policy: each low mark of plan '{}' must be "
                             "below its high mark",
                             plan));
  }
  if (marks.high_dwell.count() <= 0) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot use the promotion policy: the dwell of plan '{}' must be above 0",
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

Status check_policy(const PromotionPolicy& policy) {
  for (const PricePlan plan :
       {PricePlan::kStarter, PricePlan::kProfessional, PricePlan::kEnterprise}) {
    VC_TRY(check_marks(name_of(plan), policy.marks_for(plan)));
  }
  if (policy.low_dwell.count() <= 0 || policy.cooldown.count() < 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot use the promotion policy: the dwell before a demotion must be above 0");
  }
  return ok_status();
}

}  // namespace voicectl
