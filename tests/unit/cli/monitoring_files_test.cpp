// SPDX-License-Identifier: Apache-2.0
#include "cli/monitoring_files.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& setting) {
  const Result<std::string> out = render_monitoring_file(MonitoringFile::kAlertRules, {setting});
  return out.has_error() ? out.error().text() : "taken";
}

TEST(MonitoringFilesTest, RefuseWhatPrometheusCouldNotReadOrNeverReach) {
  EXPECT_EQ(refusal("over_mark_minutes=7.5"),
            "cannot set 'over_mark_minutes' to '7.5': it must be a whole number");
  EXPECT_EQ(refusal("hand_over_pause_seconds=5"),
            "cannot set 'hand_over_pause_seconds' to '5': it must be below 5: longer times are "
            "counted as that much");
  EXPECT_THAT(refusal("request_p99_seconds=10"), HasSubstr("it must be below 10"));
  EXPECT_THAT(refusal("memory_free_share=1"), HasSubstr("a share of the whole"));
  EXPECT_THAT(refusal("flaps=-1"), HasSubstr("not below 0"));
  EXPECT_THAT(refusal("nothing=1"), HasSubstr("this file has loop_lag_seconds"));
}

TEST(MonitoringFilesTest, WriteWhatIsSet) {
  const Result<std::string> rules = render_monitoring_file(
      MonitoringFile::kAlertRules, {"over_mark_minutes=7", "hand_over_pause_seconds=0.25"});

  ASSERT_THAT(rules, IsOk());
  EXPECT_THAT(*rules, HasSubstr("for: 7m"));
  EXPECT_THAT(*rules, HasSubstr("> 0.25"));
}

}  // namespace
}  // namespace voicectl
