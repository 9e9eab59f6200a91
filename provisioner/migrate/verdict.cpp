// SPDX-License-Identifier: Apache-2.0
#include "provisioner/migrate/verdict.h"

namespace voicectl {

Verdict judge(const Result<handoff::HandOverReport>& source, const Status& target) {
  if (source.has_value()) {
    return source->is_handed_over ? Verdict::kMoved : Verdict::kKept;
  }
  return target.has_value() ? Verdict::kMoved : Verdict::kUndecided;
}

Error why_not_moved(const Result<handoff::HandOverReport>& source, const Status& target) {
  const Error of_source = source.has_value() ? source->why : source.error();
  // Whoever was left alone knows only that the other one is gone, or wants no more.
  const bool knows_little = of_source.code() == ErrorCode::kUnavailable;
  const bool target_knows = target.has_error() &&
                            target.error().code() != ErrorCode::kUnavailable &&
                            target.error().code() != ErrorCode::kCancelled;
  return knows_little && target_knows ? target.error() : of_source;
}

Remedy remedy_for(Verdict verdict, const Error& why) {
  switch (verdict) {
    case Verdict::kMoved:
      return Remedy::kLeave;
    case Verdict::kUndecided:
      return Remedy::kLend;
    case Verdict::kKept:
      break;
  }
  if (why.code() == ErrorCode::kTimeout) {
    return Remedy::kAgain;
  }
  if (why.code() == handoff::kOtherGeneration) {
    return Remedy::kConfigure;
  }
  return why.code() == ErrorCode::kConflict ? Remedy::kLend : Remedy::kLeave;
}

}  // namespace voicectl
