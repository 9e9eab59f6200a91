// SPDX-License-Identifier: Apache-2.0
#include "provisioner/migrate/verdict.h"

#include <gtest/gtest.h>

#include <vector>

namespace voicectl {
namespace {

Result<handoff::HandOverReport> report(bool is_handed_over,
                                       ErrorCode why = ErrorCode::kUnavailable) {
  handoff::HandOverReport out;
  out.is_handed_over = is_handed_over;
  out.why = Error(why, "cannot go on");
  return out;
}

Result<handoff::HandOverReport> nothing(ErrorCode why) {
  return Error(why, "cannot tell");
}

TEST(Verdict, IsWhatItsTableSays) {
  const Status serves = ok_status();
  const Status dead = Error(ErrorCode::kUnavailable, "cannot answer");
  const Status refuses = Error(ErrorCode::kCorrupt, "cannot open the store");
  for (const Status& target : {serves, dead, refuses}) {
    EXPECT_EQ(judge(report(true), target), Verdict::kMoved);
    EXPECT_EQ(judge(report(false), target), Verdict::kKept);
  }
  for (const ErrorCode silence :
       {ErrorCode::kUnavailable, ErrorCode::kTimeout, ErrorCode::kNotFound, ErrorCode::kFenced}) {
    EXPECT_EQ(judge(nothing(silence), serves), Verdict::kMoved);
    EXPECT_EQ(judge(nothing(silence), dead), Verdict::kUndecided);
    EXPECT_EQ(judge(nothing(silence), refuses), Verdict::kUndecided);
  }
}

TEST(Verdict, TellsTheReasonOfWhoKnowsIt) {
  const Status refuses = Error(ErrorCode::kCorrupt, "cannot open the store");
  const Status dead = Error(ErrorCode::kUnavailable, "cannot answer");

  EXPECT_EQ(why_not_moved(report(false), refuses).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(why_not_moved(report(false, ErrorCode::kTimeout), refuses).code(), ErrorCode::kTimeout);
  EXPECT_EQ(why_not_moved(report(false), dead).code(), ErrorCode::kUnavailable);
}

TEST(Remedies, FollowFromWhoHasItAndWhy) {
  const auto because = [](ErrorCode code) { return Error(code, "cannot go on"); };
  EXPECT_EQ(remedy_for(Verdict::kMoved, because(ErrorCode::kInternal)), Remedy::kLeave);
  EXPECT_EQ(remedy_for(Verdict::kUndecided, because(ErrorCode::kTimeout)), Remedy::kLend);
  EXPECT_EQ(remedy_for(Verdict::kKept, because(ErrorCode::kTimeout)), Remedy::kAgain);
  EXPECT_EQ(remedy_for(Verdict::kKept, because(ErrorCode::kConflict)), Remedy::kLend);
  EXPECT_EQ(remedy_for(Verdict::kKept, because(handoff::kOtherGeneration)), Remedy::kConfigure);
  EXPECT_EQ(remedy_for(Verdict::kUndecided, because(handoff::kOtherGeneration)), Remedy::kLend);
  EXPECT_EQ(remedy_for(Verdict::kKept, because(ErrorCode::kCorrupt)), Remedy::kLeave);
  EXPECT_EQ(remedy_for(Verdict::kKept, because(ErrorCode::kResourceExhausted)), Remedy::kLeave);
}

}  // namespace
}  // namespace voicectl
