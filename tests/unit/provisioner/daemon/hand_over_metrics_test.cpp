// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/hand_over_metrics.h"

#include <gmock/gmock.h>

#include "tests/support/prometheus_text.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

MoveOutcome moved(std::uint64_t websockets, std::chrono::microseconds pause, Duration took) {
  MoveOutcome out;
  out.verdict = Verdict::kMoved;
  out.report.is_handed_over = true;
  out.report.connections = websockets + 1;
  out.report.websockets = websockets;
  out.report.pause = pause;
  out.took = took;
  return out;
}

MoveOutcome not_moved(Remedy remedy) {
  MoveOutcome out;
  out.verdict = Verdict::kKept;
  out.remedy = remedy;
  return out;
}

TEST(HandOverMetricsTest, AreGoodTextFromTheBeginning) {
  EXPECT_THAT(problems_of_metrics(HandOverMetrics().render({})), IsEmpty());
}

TEST(HandOverMetricsTest, CountWhatCameOfEachHandOver) {
  HandOverMetrics metrics;
  metrics.note(moved(200, 4ms, 120ms));
  metrics.note(moved(50, 12ms, 2s));
  MoveOutcome refused = not_moved(Remedy::kLeave);
  refused.report.refused = 7;
  metrics.note(refused);
  metrics.note(not_moved(Remedy::kLend));
  metrics.note_dropped(20);

  const std::string text = metrics.render({});

  EXPECT_THAT(problems_of_metrics(text), IsEmpty());
  for (const char* line : {"voicectl_hand_overs_total{outcome=\"moved\"} 2\n",
                           "voicectl_hand_overs_total{outcome=\"stayed\"} 1\n",
                           "voicectl_hand_overs_total{outcome=\"lent\"} 1\n",
                           "voicectl_hand_over_connections_total{result=\"moved\"} 252\n",
                           "voicectl_hand_over_connections_total{result=\"refused\"} 7\n",
                           "voicectl_hand_over_connections_total{result=\"dropped\"} 20\n",
                           "voicectl_hand_over_duration_seconds_bucket{le=\"0.1\"} 0\n",
                           "voicectl_hand_over_duration_seconds_bucket{le=\"0.25\"} 1\n",
                           "voicectl_hand_over_duration_seconds_bucket{le=\"+Inf\"} 2\n",
                           "voicectl_hand_over_pause_seconds_bucket{le=\"0.005\"} 1\n",
                           "voicectl_hand_over_pause_seconds_count 2\n",
                           "voicectl_hand_over_longest_pause_seconds 0.012\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(HandOverMetricsTest, TellAlsoPausesThatAreFarTooLong) {
  HandOverMetrics metrics;
  metrics.note(moved(1, 300ms, 1s));

  const std::string text = metrics.render({});

  EXPECT_THAT(text, HasSubstr("voicectl_hand_over_pause_seconds_bucket{le=\"0.25\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_hand_over_pause_seconds_bucket{le=\"0.5\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("voicectl_hand_over_pause_seconds_bucket{le=\"5\"} 1\n"));
}

TEST(HandOverMetricsTest, TheCheckOfTheTextFindsWhatIsWrong) {
  const std::string good = HandOverMetrics().render({});

  EXPECT_THAT(problems_of_metrics(good.substr(0, good.size() - 1)), Not(IsEmpty()));
  EXPECT_THAT(problems_of_metrics(good + good), Not(IsEmpty()));
  EXPECT_THAT(problems_of_metrics("up 1\n"), Not(IsEmpty()));
  EXPECT_THAT(problems_of_metrics("# HELP a b\n# TYPE a counter\na 1\n"), Not(IsEmpty()));
  EXPECT_THAT(problems_of_metrics("# HELP a b\n# TYPE a gauge\na NaN\n"), Not(IsEmpty()));
  EXPECT_THAT(problems_of_metrics("# HELP a b\n# TYPE a gauge\na{b=\"c} 1\n"), Not(IsEmpty()));
  EXPECT_THAT(problems_of_metrics("# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\n"
                                  "a_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n"),
              Not(IsEmpty()));
}

}  // namespace
}  // namespace voicectl
