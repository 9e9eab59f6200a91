// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/action.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/support/matchers.h"
#include "tests/support/plan/each_action.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

TEST(ActionTest, HasAKindOfItsOwn) {
  std::set<std::string_view> kinds;
  for (const Action& action : one_of_each()) {
    kinds.insert(kind_of(action));
  }

  EXPECT_EQ(kinds.size(), std::variant_size_v<Action>);
}

TEST(ActionTest, ComesBackFromItsText) {
  for (const Action& action : one_of_each()) {
    const std::string text = render_action(action);
    const Result<Action> back = parse_action(text);

    ASSERT_THAT(back, IsOk()) << text;
    EXPECT_EQ(back->index(), action.index());
    EXPECT_EQ(render_action(*back), text);
    EXPECT_EQ(describe(*back), describe(action));
  }
}

TEST(ActionTest, NamesItsSubject) {
  EXPECT_EQ(subject_of(SetPlatform{}), "platform");
  EXPECT_EQ(subject_of(PublishEdge{"x"}), "edge");
  EXPECT_EQ(subject_of(IssueCertificate{"*.voice.example"}), "certificate/*.voice.example");
  EXPECT_EQ(subject_of(StopInstance{instance_id("shared-0")}), "instance/shared-0");
  EXPECT_EQ(subject_of(WithdrawRoute{tenant_id("acme")}), "tenant/acme");
}

TEST(ActionTest, IsAMoveOnlyWhenThereIsAFormerInstance) {
  EXPECT_EQ(symbol_of(LendListener{tenant_id("a"), instance_id("shared-0"), std::nullopt}),
            ActionSymbol::kCreate);
  EXPECT_EQ(character_of(symbol_of(
                LendListener{tenant_id("a"), instance_id("shared-1"), instance_id("shared-0")})),
            '>');
}

TEST(ActionTest, RefusesTextThatIsNoAction) {
  EXPECT_THAT(parse_action("{"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_action("{}"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_action(R"({"kind":"explode"})"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(parse_action(R"({"kind":"bind_listener","tenant":"../x","port":1})"),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_action(R"({"kind":"bind_listener","tenant":"acme","port":70000})"),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_action(R"({"kind":"publish_route","tenant":"acme","hosts":[1]})"),
              FailsWith(ErrorCode::kCorrupt));
}

TEST(ActionTest, RefusesTextThatIsNoObject) {
  EXPECT_THAT(parse_action("[]"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(parse_action("7"), FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
