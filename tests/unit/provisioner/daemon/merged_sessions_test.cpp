// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/merged_sessions.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Json session(const std::string& at, const std::string& id) {
  return {{"created_at", at}, {"session_id", id}, {"cursor", at + "." + id}};
}

std::vector<std::string> ids_of(const Json& body) {
  std::vector<std::string> ids;
  for (const Json& one : body["sessions"]) {
    ids.push_back(one["session_id"]);
  }
  return ids;
}

TEST(MergedSessionsTest, PutsTheNewestOfAllInstancesFirst) {
  MergedSessions page(10);
  page.add(Json{{"sessions", {session("5", "a_5"), session("2", "a_2")}}});
  page.add(Json{{"sessions", {session("4", "b_4"), session("2", "b_2")}}});

  const Result<Json> body = page.take();

  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(ids_of(*body), ElementsAre("a_5", "b_4", "b_2", "a_2"));
  EXPECT_FALSE(body->contains("next"));
  EXPECT_FALSE((*body)["sessions"][0].contains("cursor"));
}

TEST(MergedSessionsTest, NamesTheLastOneShownWhenThereAreMore) {
  MergedSessions page(2);
  page.add(Json{{"sessions", {session("5", "a_5"), session("2", "a_2")}}});
  page.add(Json{{"sessions", {session("4", "b_4")}}});

  const Result<Json> body = page.take();

  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(ids_of(*body), ElementsAre("a_5", "b_4"));
  EXPECT_EQ((*body)["next"], "4.b_4");
}

TEST(MergedSessionsTest, ShowsNothingBehindWhatAnInstanceHasNotTold) {
  MergedSessions page(10);
  // The answer of `a` was full: between 3 and 1 it may have others.
  page.add(Json{{"sessions", {session("5", "a_5"), session("3", "a_3")}}, {"next", "3.a_3"}});
  page.add(Json{{"sessions", {session("4", "b_4"), session("1", "b_1")}}});

  const Result<Json> body = page.take();

  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(ids_of(*body), ElementsAre("a_5", "b_4", "a_3"));
  EXPECT_EQ((*body)["next"], "3.a_3");
}

TEST(MergedSessionsTest, KeepsWhatOthersToldBesideOneThatDidNot) {
  MergedSessions page(10);
  page.add(Error(ErrorCode::kTimeout, "cannot ask instance 'b': no answer after 5s"));
  page.add(Json{{"sessions", {session("5", "a_5")}}});

  const Result<Json> body = page.take();

  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(ids_of(*body), ElementsAre("a_5"));
  EXPECT_EQ((*body)["problems"].size(), 1U);
}

TEST(MergedSessionsTest, AnAnswerThatMakesNoSenseIsAProblemAndNoMore) {
  MergedSessions page(10);
  page.add(Json::array({1, 2}));
  page.add(Json{{"sessions", "none"}});
  page.add(Json{{"sessions", {session("6", "c_6"), 7}}, {"next", "6"}});
  page.add(Json{{"sessions", {session("5", "a_5")}}});

  const Result<Json> body = page.take();

  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(ids_of(*body), ElementsAre("a_5"));
  EXPECT_EQ((*body)["problems"].size(), 3U);
}

TEST(MergedSessionsTest, RefusesAQuestionThatTheInstancesRefuse) {
  MergedSessions page(10);
  page.add(Error(ErrorCode::kInvalidArgument, "cannot list sessions: 'after' is none"));

  EXPECT_THAT(page.take(), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(MergedSessionsTest, IsEmptyWithoutInstances) {
  EXPECT_THAT(ids_of(*MergedSessions(10).take()), IsEmpty());
}

}  // namespace
}  // namespace voicectl
