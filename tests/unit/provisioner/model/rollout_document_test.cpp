// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "provisioner/model/desired_state_yaml.h"
#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(RolloutDocumentTest, IsReadAndWrittenAlike) {
  const ParsedState parsed = parse(platform_document(
      "  rollout: { canary: [acme, beta], batch: 20, pause: 1m, max_failures: 0 }\n"
      "  hooks:\n"
      "    before_apply: [ { command: [/bin/check, --fast], timeout: 10s } ]\n"
      "    after_promotion: [ { command: [/bin/tell] } ]\n"
      "tenants:\n"
      "  - { slug: acme, name: A, business_type: custom }\n"
      "  - { slug: beta, name: B, business_type: custom }\n"));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  const RolloutSpec& rollout = parsed.state.platform.rollout;
  EXPECT_EQ(rollout.canary.size(), 2U);
  EXPECT_EQ(rollout.batch, 20U);
  EXPECT_EQ(rollout.pause, std::chrono::minutes(1));
  EXPECT_EQ(rollout.max_failures, 0U);
  const HooksSpec& hooks = parsed.state.platform.hooks;
  ASSERT_EQ(hooks.before_apply.size(), 1U);
  EXPECT_THAT(hooks.before_apply[0].command, testing::ElementsAre("/bin/check", "--fast"));
  EXPECT_EQ(hooks.before_apply[0].timeout, std::chrono::seconds(10));
  EXPECT_EQ(hooks.after_promotion[0].timeout, std::chrono::seconds(30));
  for (const std::string& text :
       {render_desired_state(parsed.state), render_desired_state_yaml(parsed.state)}) {
    const ParsedState again = parse(text);
    ASSERT_THAT(lines_of(again), IsEmpty()) << text;
    EXPECT_EQ(again.state.platform, parsed.state.platform) << text;
  }
}

TEST(RolloutDocumentTest, WhatIsNotSaidIsPlain) {
  EXPECT_TRUE(
      parse(platform_document("  domain: example.com\n")).state.platform.rollout.is_plain());
}

TEST(RolloutDocumentTest, MistakesAreToldWhereTheyStand) {
  EXPECT_THAT(first_problem(platform_document("  rollout: { batch: 0 }\n")), HasSubstr("batch"));
  EXPECT_THAT(first_problem(platform_document("  rollout: { canary: [\"Not A Slug\"] }\n")),
              HasSubstr("canary"));
  EXPECT_THAT(first_problem(
                  platform_document("  rollout: { canary: [a1, a1] }\n"
                                    "tenants: [ { slug: a1, name: A, business_type: custom } ]\n")),
              HasSubstr("twice"));
  EXPECT_THAT(first_problem(platform_document("  rollout: { pause: 10s }\n")),
              HasSubstr("nothing that it would come between"));
  EXPECT_THAT(first_problem(platform_document("  rollout: { btch: 3 }\n")), HasSubstr("batch"));
}

TEST(RolloutDocumentTest, ACanaryThatIsNoTenantIsRefused) {
  const std::string text = platform_document(
      "  rollout: { canary: [acme, nobody] }\n"
      "tenants: [ { slug: acme, name: A, business_type: custom } ]\n");

  EXPECT_THAT(first_problem(text), AllOf(HasSubstr("platform.rollout.canary[1]"),
                                         HasSubstr("found the canary 'nobody'")));
  EXPECT_TRUE(parse_desired_state({{"kept", text}}, nullptr, kOwnDocumentBudget).ok())
      << "what was accepted before there was this rule stays readable";
  EXPECT_TRUE(parse_desired_state({{"command", text}}, nullptr,
                                  YamlBudget{.canaries = Canaries::kMayBeGone})
                  .ok())
      << "a command answers for what it changes only";
}

TEST(RolloutDocumentTest, AHookIsAProgramByItsAbsolutePathAndNoShellLine) {
  const auto problem_of = [](const std::string& hook) {
    return first_problem(platform_document("  hooks: { before_apply: [ " + hook + " ] }\n"));
  };
  EXPECT_THAT(problem_of("{ command: [check] }"), HasSubstr("command"));
  EXPECT_THAT(problem_of("{ command: \"/bin/check --fast\" }"), HasSubstr("command"));
  EXPECT_THAT(problem_of("{ command: [] }"), HasSubstr("write it as a list"));
  EXPECT_THAT(problem_of("{ timeout: 5s }"), HasSubstr("command: [/path/to/program]"));
  EXPECT_THAT(problem_of("{ command: [/bin/check], timeout: 2h }"), HasSubstr("timeout"));
}

TEST(RolloutDocumentTest, ATenantHasNoHooks) {
  EXPECT_THAT(first_problem(
                  tenant_document("    hooks: { before_apply: [ { command: [/bin/check] } ] }\n")),
              HasSubstr("hooks"));
}

}  // namespace
}  // namespace voicectl
