// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/ultravox_events.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"

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

/// What a session is in the end, without what only tells how it came to be.
std::string final_state(const Session& session) {
  Json document = *parse_json(to_stored_text(session));
  document.erase("deliveries");
  document.erase("last_seq");
  return document.dump();
}

TEST(UltravoxEventsTest, ComeToTheSameInEveryOrderAndHoweverOften) {
  std::vector<ultravox::CallEvent> events;
  for (const auto kind : {ultravox::EventKind::kCallStarted, ultravox::EventKind::kCallJoined,
                          ultravox::EventKind::kCallEnded, ultravox::EventKind::kCallBilled}) {
    ultravox::CallEvent event = an_event(kind);
    event.call.joined = kNow - seconds(90);
    if (kind == ultravox::EventKind::kCallEnded || kind == ultravox::EventKind::kCallBilled) {
      event.call.ended = kNow;
      event.call.end_reason = ultravox::EndReason::kHangup;
      event.call.summary = "About pizza";
    }
    if (kind == ultravox::EventKind::kCallBilled) {
      event.call.billed_duration = seconds(96);
    }
    events.push_back(event);
  }
  // The end may also be told without the time of joining.
  events[2].call.joined.reset();
  std::vector<std::size_t> order = {0, 1, 2, 3};
  std::set<std::string> states;
  int permutations = 0;
  do {
    Session session = a_session(SessionStatus::kReady);
    for (const std::size_t first : order) {
      for (const std::size_t repeated : {first, order.front()}) {
        if (judge_delivery(session, events[repeated]) == Delivery::kNew) {
          session = *change_for(session, events[repeated], kNow).session;
        }
      }
    }
    states.insert(final_state(session));
    ++permutations;
  } while (std::next_permutation(order.begin(), order.end()));

  EXPECT_EQ(permutations, 24);
  EXPECT_EQ(states.size(), 1U) << *states.begin() << "\n" << *states.rbegin();
  EXPECT_THAT(*states.begin(), ::testing::HasSubstr(R"("duration":90)"));
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

TEST(UltravoxEventsTest, EndInOneStateWhateverTheOrder) {
  std::vector<ultravox::CallEvent> events;
  for (const auto kind : {ultravox::EventKind::kCallStarted, ultravox::EventKind::kCallJoined,
                          ultravox::EventKind::kCallEnded, ultravox::EventKind::kCallBilled}) {
    ultravox::CallEvent event = an_event(kind);
    if (kind != ultravox::EventKind::kCallStarted) {
      event.call.joined = kNow - seconds(90);
    }
    if (kind == ultravox::EventKind::kCallEnded || kind == ultravox::EventKind::kCallBilled) {
      event.call.ended = kNow;
      event.call.end_reason = ultravox::EndReason::kHangup;
    }
    event.call.billed_duration = kind == ultravox::EventKind::kCallBilled
                                     ? std::optional<Duration>(seconds(96))
                                     : std::nullopt;
    events.push_back(event);
  }
  // Each once, and two of them a second time.
  std::vector<std::size_t> order = {0, 1, 2, 2, 3, 1};
  std::sort(order.begin(), order.end());
  int histories = 0;

  do {
    Session session = a_session(SessionStatus::kReady);
    for (const std::size_t i : order) {
      if (judge_delivery(session, events[i]) == Delivery::kNew) {
        session = *change_for(session, events[i], kNow).session;
      }
    }
    ++histories;
    EXPECT_EQ(session.status, SessionStatus::kCompleted);
    EXPECT_EQ(session.start_time, kNow - seconds(90));
    EXPECT_EQ(session.duration, seconds(90));
    EXPECT_EQ(session.billed_duration, seconds(96));
    EXPECT_EQ(session.end_reason, "hangup");
  } while (std::next_permutation(order.begin(), order.end()));

  EXPECT_EQ(histories, 180);
}

}  // namespace
}  // namespace voicectl::runtime
