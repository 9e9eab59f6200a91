// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/control_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/support/fake_fd_channel.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

class ControlLinkTest : public ::testing::Test {
 protected:
  ControlLinkTest() {
    FakeChannelHub::Pair pair = hub.make_pair();
    far = std::move(pair.second);
    far->start(
        {.on_message = [this](const std::string& text,
                              std::vector<UniqueFd>) { asked.push_back(*control::decode(text)); },
         .on_close = [this] { is_far_closed = true; }});
    link = std::make_unique<ControlLink>(sim, std::move(pair.first));
    link->when_closed([this] { ++closes; });
  }

  void ask(std::optional<Result<std::string>>& answer, Duration timeout = 5s) {
    link->ask({.type = "stats", .body = "{}", .timeout = timeout},
              [&answer](Result<std::string> result) { answer = std::move(result); });
  }
  void reply(std::uint64_t re, const std::string& type, const std::string& body) {
    ASSERT_THAT(far->send(control::encode({type, std::nullopt, re, body}), {}), IsOk());
  }

  SimReactor sim;
  FakeChannelHub hub{sim};
  std::unique_ptr<FdChannel> far;
  std::unique_ptr<ControlLink> link;
  std::deque<control::Message> asked;
  bool is_far_closed = false;
  int closes = 0;
};

TEST_F(ControlLinkTest, BringsEachAnswerToWhoAsked) {
  std::optional<Result<std::string>> first;
  std::optional<Result<std::string>> second;
  ask(first);
  ask(second);
  sim.settle();
  ASSERT_EQ(asked.size(), 2U);

  reply(*asked[1].id, "ok", R"({"n":2})");
  reply(*asked[0].id, "ok", R"({"n":1})");
  sim.settle();

  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_THAT(*first, IsOkAnd(R"({"n":1})"));
  EXPECT_THAT(*second, IsOkAnd(R"({"n":2})"));
}

TEST_F(ControlLinkTest, ProgressPrecedesTheAnswerOfWhoAskedForIt) {
  std::vector<std::string> told;
  std::optional<Result<std::string>> answer;
  link->ask({.type = "hand_over",
             .body = "{}",
             .timeout = 5s,
             .on_progress = [&](const std::string& body) { told.push_back(body); }},
            [&](Result<std::string> result) { answer = std::move(result); });
  std::optional<Result<std::string>> other;
  ask(other);
  sim.settle();

  reply(*asked[0].id, "progress", R"({"n":1})");
  reply(*asked[1].id, "progress", R"({"n":9})");
  reply(*asked[0].id, "progress", R"({"n":2})");
  sim.settle();
  EXPECT_THAT(told, ::testing::ElementsAre(R"({"n":1})", R"({"n":2})"));
  EXPECT_FALSE(answer || other);
  reply(*asked[0].id, "ok", "{}");
  reply(*asked[0].id, "progress", R"({"n":3})");
  sim.settle();

  EXPECT_TRUE(answer.has_value());
  EXPECT_EQ(told.size(), 2U);
  EXPECT_EQ(closes, 0);
}

TEST_F(ControlLinkTest, TurnsAnErrorAnswerIntoAnError) {
  std::optional<Result<std::string>> answer;
  ask(answer);
  sim.settle();

  reply(*asked[0].id, "error", R"({"code":"fenced","message":"cannot obey: old token"})");
  sim.settle();

  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, FailsWith(ErrorCode::kFenced));
}

TEST_F(ControlLinkTest, IgnoresAnAnswerThatComesAfterItsDeadline) {
  std::optional<Result<std::string>> answer;
  ask(answer, 1s);
  sim.advance(1s);
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, FailsWith(ErrorCode::kTimeout));

  reply(*asked[0].id, "ok", "{}");
  sim.settle();

  EXPECT_THAT(*answer, FailsWith(ErrorCode::kTimeout));
  EXPECT_EQ(closes, 0);
}

TEST_F(ControlLinkTest, FailsWhatIsPendingAndTellsOnceWhenTheOtherEndGoes) {
  std::optional<Result<std::string>> answer;
  ask(answer);
  sim.settle();

  far.reset();
  sim.settle();

  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, FailsWith(ErrorCode::kUnavailable));
  EXPECT_EQ(closes, 1);
}

TEST_F(ControlLinkTest, RefusesToAskOverAClosedChannel) {
  std::optional<Result<std::string>> answer;
  far.reset();
  sim.settle();

  ask(answer);
  sim.settle();

  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, FailsWith(ErrorCode::kUnavailable));
}

TEST_F(ControlLinkTest, ClosesOnAnythingThatIsNoAnswer) {
  for (const char* text : {"x", "[]", "{}", R"({"v":1,"type":"ok","body":{}})",
                           R"({"v":2,"type":"ok","re":1,"body":{}})"}) {
    FakeChannelHub::Pair pair = hub.make_pair();
    ControlLink other(sim, std::move(pair.first));
    int told = 0;
    other.when_closed([&told] { ++told; });
    pair.second->start({});

    ASSERT_THAT(pair.second->send(text, {}), IsOk());
    sim.settle();

    EXPECT_EQ(told, 1) << text;
  }
}

TEST_F(ControlLinkTest, DescriptorsThatNobodyAskedForBreakTheProtocol) {
  struct Case {
    const char* why;
    const char* type;
    std::uint64_t re;
    std::vector<int> descriptors;
    bool asks_for_listeners;
    bool is_late;
  };
  for (const Case& one : {Case{"of a question that was never asked", "ok", 99, {0}, true, false},
                          Case{"with an answer", "ok", 1, {0}, true, false},
                          Case{"with an error", "error", 1, {0}, true, false},
                          Case{"with progress", "progress", 1, {0}, true, false},
                          Case{"not asked for", "listener", 1, {0, 0}, false, false},
                          Case{"too many", "listener", 1, {0, 0, 0}, true, false},
                          Case{"too late", "listener", 1, {0, 0}, true, true}}) {
    SCOPED_TRACE(one.why);
    FakeChannelHub::Pair pair = hub.make_pair();
    ControlLink other(sim, std::move(pair.first));
    int told = 0;
    other.when_closed([&told] { ++told; });
    pair.second->start({});
    std::size_t listeners = 0;
    std::optional<Result<std::string>> answer;
    other.ask(
        {.type = "regain", .timeout = one.is_late ? 1s : 5s},
        [&](Result<std::string> result) { answer = std::move(result); },
        one.asks_for_listeners ? [&](const std::string&, std::vector<UniqueFd>) { ++listeners; }
                               : ControlLink::OnListener());
    sim.advance(1s);

    ASSERT_THAT(
        pair.second->send(control::encode({one.type, std::nullopt, one.re, "{}"}), one.descriptors),
        IsOk());
    sim.settle();

    EXPECT_EQ(told, 1);
    EXPECT_FALSE(other.is_open());
    EXPECT_EQ(listeners, 0U);
    ASSERT_TRUE(answer.has_value());
    EXPECT_THAT(*answer, FailsWith(one.is_late ? ErrorCode::kTimeout : ErrorCode::kUnavailable));
  }
}

TEST_F(ControlLinkTest, TellsNothingAfterItWasClosed) {
  link->close(Error(ErrorCode::kCancelled, "cannot go on: enough"));
  far.reset();
  sim.settle();

  EXPECT_EQ(closes, 0);
}

TEST_F(ControlLinkTest, MayBeDestroyedByWhatItTells) {
  std::optional<Result<std::string>> second;
  link->ask({.type = "stats", .timeout = 5s}, [this](const Result<std::string>&) {
    link->close(Error(ErrorCode::kCancelled, "cannot go on: enough"));
    link.reset();
  });
  ask(second);
  sim.settle();

  reply(*asked[0].id, "ok", "{}");
  reply(*asked[1].id, "ok", "{}");
  sim.settle();

  EXPECT_EQ(link, nullptr);
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(is_far_closed);
}

TEST_F(ControlLinkTest, BringsListenersBeforeTheAnswerThatEndsThem) {
  std::vector<std::string> order;
  link->ask(
      {.type = "regain", .timeout = 5s},
      [&order](const Result<std::string>&) { order.emplace_back("ok"); },
      [&order](const std::string& body, std::vector<UniqueFd> both) {
        order.push_back(body + " with " + std::to_string(both.size()));
      });
  sim.settle();

  for (const char* tenant : {R"({"tenant":"a"})", R"({"tenant":"b"})"}) {
    ASSERT_THAT(far->send(control::encode({"listener", std::nullopt, asked[0].id, tenant}), {0, 0}),
                IsOk());
  }
  reply(*asked[0].id, "ok", "{}");
  sim.settle();

  EXPECT_THAT(order,
              ::testing::ElementsAre(R"({"tenant":"a"} with 2)", R"({"tenant":"b"} with 2)", "ok"));
}

}  // namespace
}  // namespace voicectl
