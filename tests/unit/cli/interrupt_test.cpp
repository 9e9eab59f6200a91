// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

constexpr std::string_view kGoesOn = "interrupted; what was asked of the daemon goes on";

class InterruptTest : public CliTest {
 protected:
  InterruptTest() {
    wait_for_input_ = [this](Duration) {
      at_question_ = words_of_interrupt();
      return true;
    };
    daemon_.after_stream = [this](const std::string& question) {
      in_stream_[question] = words_of_interrupt();
    };
  }

  std::string at_question_;
  std::map<std::string, std::string> in_stream_;
};

TEST_F(InterruptTest, AtAQuestionNothingWasChanged) {
  serve({}, plan_json(1));
  answer_at_terminal("n");

  EXPECT_EQ(run({"tenant", "create", "acme"}), ExitCode::kFailure);

  EXPECT_EQ(at_question_, "interrupted; nothing was changed");
  EXPECT_EQ(in_stream_["POST /v1/lock"], "interrupted");
  EXPECT_EQ(words_of_interrupt(), "interrupted");
}

TEST_F(InterruptTest, WhatWasAskedForGoesOnUntilItIsAnswered) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"tenant", "create", "acme", "--yes"}), ExitCode::kOk) << err();

  EXPECT_EQ(in_stream_["POST /v1/apply"], kGoesOn);
  EXPECT_EQ(words_of_interrupt(), "interrupted");
}

TEST_F(InterruptTest, WhoOnlyLooksHasAskedForNothing) {
  daemon_.streams["GET /v1/tenants/acme/wait?for=ready&timeout_s=60"] = {R"({"met":true})"};
  daemon_.streams["GET /v1/events?follow=1&after=0"] = {};

  run({"wait", "tenant/acme"});
  run({"events", "-f"});

  for (const auto& [question, words] : in_stream_) {
    EXPECT_EQ(words, "interrupted") << question;
  }
  EXPECT_FALSE(in_stream_.empty());
}

TEST(IsChangeTest, TellsWhatGoesOnFromWhatOnlyShows) {
  EXPECT_TRUE(is_change("POST", "/v1/apply", "{}"));
  EXPECT_TRUE(is_change("POST", "/v1/upgrade", R"({"batch":1})"));
  EXPECT_TRUE(is_change("DELETE", "/v1/sessions/a", ""));
  EXPECT_TRUE(is_change("POST", "/v1/lock/steal", "{}"));
  EXPECT_FALSE(is_change("GET", "/v1/status", ""));
  EXPECT_FALSE(is_change("POST", "/v1/plan", "{}"));
  EXPECT_FALSE(is_change("POST", "/v1/lock", "{}"));
  EXPECT_FALSE(is_change("POST", "/v1/lock/7/renew", "{}"));
  EXPECT_FALSE(is_change("POST", "/v1/instances/shared-0/restart/preview", "{}"));
  EXPECT_FALSE(is_change("POST", "/v1/upgrade", R"({"batch":1,"dry_run":true})"));
}

}  // namespace
}  // namespace voicectl
