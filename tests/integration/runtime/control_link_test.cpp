// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/control_link.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

TEST(RuntimeControlLinkTest, AnAnswerThatNoMessageHoldsCostsNobodyTheConnection) {
  TempDir folder;
  RuntimeFixture world;
  PosixListenerFactory listeners;
  Result<UniqueFd> listener = listeners.bind_unix_packets(folder.path("control.sock"), {});
  ASSERT_THAT(listener, IsOk());
  std::vector<ControlRequest> pending;
  ControlLink link(
      world.reactor(), *InstanceId::parse("shared-0"), std::move(*listener),
      {[&](const ControlRequest& request, std::vector<UniqueFd>) { pending.push_back(request); },
       [] { return std::string("{}"); }, [](std::string_view, const std::string&) {}});
  PosixFdChannelFactory channels(world.reactor(), world.reactor());
  auto daemon = channels.connect(folder.path("control.sock"));
  ASSERT_THAT(daemon, IsOk());
  std::vector<control::Message> answers;
  bool is_gone = false;
  (*daemon)->start({[&](const std::string& text, std::vector<UniqueFd>) {
                      answers.push_back(*control::decode(text));
                    },
                    [&] { is_gone = true; }});
  std::uint64_t id = 0;
  for (const std::string_view type :
       {control::request::kHello, control::request::kStats, control::request::kPing}) {
    ASSERT_THAT((*daemon)->send(control::encode({std::string(type), ++id, std::nullopt}), {}),
                IsOk());
  }
  ASSERT_TRUE(world.run_until([&] { return pending.size() == 2; }));

  pending[0].answer(control::reply::kOk, dump_json({{"long", std::string(200'000, 'x')}}));
  pending[1].answer(control::reply::kOk);
  EXPECT_TRUE(world.run_until([&] { return answers.size() == 3 || is_gone; }));

  ASSERT_FALSE(is_gone);
  EXPECT_EQ(answers[1].re, 2U);
  EXPECT_EQ(control::error_of(answers[1]).code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(answers[2].re, 3U);
  EXPECT_EQ(answers[2].type, control::reply::kOk);
}

}  // namespace
}  // namespace voicectl::runtime
