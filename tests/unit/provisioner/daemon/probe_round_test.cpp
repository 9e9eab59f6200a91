// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/probe_round.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

/// Answers when the test says so.
class SlowProbe final : public HttpProbe {
 public:
  void ask(const ProbeTarget& target, Duration, Completion<void> done) override {
    open.emplace_back(target.host, std::move(done));
    most_open = std::max(most_open, open.size());
  }
  /// The one that was asked last is answered first.
  void answer_one() {
    auto [host, done] = std::move(open.back());
    open.pop_back();
    done(host == "7" ? Status(Error(ErrorCode::kUnavailable, "cannot call it well")) : ok_status());
  }

  std::deque<std::pair<std::string, Completion<void>>> open;
  std::size_t most_open = 0;
};

TEST(ProbeRoundTest, AsksManyAFewAtATimeAndTellsTheAnswersInTheirOrder) {
  SlowProbe probe;
  std::vector<ProbeTarget> targets(1000);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    targets[i].host = fmt::format("{}", i);
  }
  std::optional<std::vector<Status>> answers;

  ask_each(probe, targets, [&answers](std::vector<Status> all) { answers = std::move(all); });
  while (!probe.open.empty()) {
    EXPECT_FALSE(answers);
    probe.answer_one();
  }

  EXPECT_EQ(probe.most_open, kProbesInFlight);
  ASSERT_TRUE(answers);
  ASSERT_EQ(answers->size(), targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_EQ((*answers)[i].has_error(), i == 7) << i;
  }
}

TEST(ProbeRoundTest, NobodyToAskIsAnsweredAtOnce) {
  SlowProbe probe;
  bool is_done = false;

  ask_each(probe, {}, [&is_done](const std::vector<Status>& all) { is_done = all.empty(); });

  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace voicectl
