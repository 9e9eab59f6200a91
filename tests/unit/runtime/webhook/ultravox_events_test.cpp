// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/ultravox_events.h"

#include <gmock/gmock.h>

namespace voicectl::runtime {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WallTime kNow{std::chrono::milliseconds(1'767'600'000'000)};

Session a_session(SessionStatus status) {
  Session session(*SessionId::parse("acme_0123456789abcdef"), *TenantId::parse("acme"));
  session.status = status;
  session.ultravox_call_id = "call-1";
  return session;
}

ultravox::CallEvent an_event(ultravox::EventKind kind, std::string call_id = "call-1") {
  ultravox::CallEvent event;
  event.kind = kind;
  event.name = name_of(kind);
  event.call.call_id = std::move(call_id);
  return event;
}

std::vector<EventType> types_of(const Change& change) {
  std::vector<EventType> types;
  for (const NewEvent& event : change.events) {
    types.push_back(event.type);
  }
  return types;
}

TEST(UltravoxEventsTest, MakeASessionActive) {
  for (const auto kind : {ultravox::EventKind::kCallStarted, ultravox::EventKind::kCallJoined}) {
    const Change change = change_for(a_session(SessionStatus::kReady), an_event(kind), kNow);

    EXPECT_EQ(change.session->status, SessionStatus::kActive);
  }
}

TEST(UltravoxEventsTest, CompleteASessionWithItsDuration) {
  ultravox::CallEvent event = an_event(ultravox::EventKind::kCallEnded);
  event.call.joined = kNow - seconds(90);
  event.call.ended = kNow;
  event.call.end_reason = ultravox::EndReason::kHangup;

  const Change change = change_for(a_session(SessionStatus::kActive), event, kNow);

  EXPECT_EQ(change.session->status, SessionStatus::kCompleted);
  EXPECT_EQ(change.session->duration, seconds(90));
  EXPECT_EQ(change.session->end_reason, "hangup");
  EXPECT_THAT(types_of(change), ElementsAre(EventType::kCallEnded, EventType::kSessionCompleted));
}

TEST(UltravoxEventsTest, FailASessionThatNobodyJoined) {
  ultravox::CallEvent event = an_event(ultravox::EventKind::kCallEnded);
  event.call.end_reason = ultravox::EndReason::kUnjoined;

  const Change change = change_for(a_session(SessionStatus::kReady), event, kNow);

  EXPECT_EQ(change.session->status, SessionStatus::kFailed);
  EXPECT_THAT(types_of(change), ElementsAre(EventType::kCallEnded, EventType::kSessionFailed));
}

TEST(UltravoxEventsTest, LeaveAnEndedSessionEnded) {
  const Session ended = a_session(SessionStatus::kCompleted);

  const Change joined = change_for(ended, an_event(ultravox::EventKind::kCallJoined), kNow);
  const Change again = change_for(ended, an_event(ultravox::EventKind::kCallEnded), kNow);

  EXPECT_EQ(joined.session->status, SessionStatus::kCompleted);
  EXPECT_THAT(joined.events, IsEmpty());
  EXPECT_THAT(types_of(again), ElementsAre(EventType::kCallEnded));
}

TEST(UltravoxEventsTest, NoteTheBill) {
  ultravox::CallEvent event = an_event(ultravox::EventKind::kCallBilled);
  event.call.billed_duration = seconds(60);

  const Change change = change_for(a_session(SessionStatus::kCompleted), event, kNow);

  EXPECT_EQ(change.session->billed_duration, seconds(60));
  EXPECT_THAT(change.events, IsEmpty());
}

TEST(UltravoxEventsTest, TakeEffectOnce) {
  const ultravox::CallEvent event = an_event(ultravox::EventKind::kCallJoined);
  const Session before = a_session(SessionStatus::kReady);

  const Session after = *change_for(before, event, kNow).session;

  EXPECT_EQ(judge_delivery(before, event), Delivery::kNew);
  EXPECT_EQ(judge_delivery(after, event), Delivery::kRepeated);
}

TEST(UltravoxEventsTest, AreForeignWhenTheyComeFromAnotherCall) {
  EXPECT_EQ(judge_delivery(a_session(SessionStatus::kReady),
                           an_event(ultravox::EventKind::kCallEnded, "call-2")),
            Delivery::kForeign);
}

TEST(UltravoxEventsTest, CountForASessionWhoseCallIsNotKnownYet) {
  Session early = a_session(SessionStatus::kInitializing);
  early.ultravox_call_id.clear();

  EXPECT_EQ(judge_delivery(early, an_event(ultravox::EventKind::kCallStarted)), Delivery::kNew);
}

}  // namespace
}  // namespace voicectl::runtime
