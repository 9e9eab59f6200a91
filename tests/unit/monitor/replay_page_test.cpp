// SPDX-License-Identifier: Apache-2.0
#include "monitor/replay_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/monitor/synthetic_load.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ReplayResult a_result(const PromotionPolicy& policy = {}) {
  const std::string recording =
      make_recording({.tenants = 60, .length = std::chrono::hours(72), .seed = 3});
  return replay(policy, RecordingReader::open(recording).value()).value();
}

TEST(ReplayPageTest, ShowsBothPoliciesInOneFileThatLoadsNothing) {
  PromotionPolicy eager;
  eager.starter.high_sessions = 15;
  const ReplayResult one = a_result();
  const ReplayResult other = a_result(eager);

  const std::string page = render_replay_page({{"current", one}, {"eager.yaml", other}});

  EXPECT_THAT(page, HasSubstr("<td>promotions</td><td>" + std::to_string(one.promotions) +
                              "</td><td>" + std::to_string(other.promotions) + "</td>"));
  EXPECT_THAT(page, HasSubstr("alone in an instance under eager.yaml"));
  EXPECT_THAT(page, HasSubstr("<path d=\"M190.0 160.0"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const std::string_view active : {"<script", "href=", "src=\"", "url(", "@import"}) {
    EXPECT_THAT(page, Not(HasSubstr(active)));
  }
  EXPECT_EQ(page, render_replay_page({{"current", one}, {"eager.yaml", other}}));
}

TEST(ReplayPageTest, EscapesWhatAPolicyIsCalled) {
  const ReplayResult result = a_result();

  const std::string page =
      render_replay_page({{"<img src=x onerror='alert(1)'>&\"\x1b.yaml", result}});

  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;?.yaml"));
}

TEST(ReplayPageTest, DrawsAnEmptyRecording) {
  const ReplayResult nothing;

  EXPECT_THAT(render_replay_page({{"current", nothing}}), HasSubstr("0 tenants"));
}

TEST(ReplayPageTest, StaysSmallHoweverMuchMoves) {
  PromotionPolicy nervous;
  nervous.low_dwell = std::chrono::seconds(60);
  nervous.cooldown = std::chrono::seconds(0);
  const ReplayResult result = a_result(nervous);

  EXPECT_LT(render_replay_page({{"nervous", result}}).size(), 1'000'000U);
}

}  // namespace
}  // namespace voicectl
