// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/ultravox_events.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMaxSummary = 10 * 1024;

std::string delivery_key(const ultravox::CallEvent& event) {
  return event.call.call_id + "/" + event.name;
}

void add_event(Change& change, EventType type, const Json& data) {
  change.events.push_back({type, dump_json(data)});
}

void measure(Session& session) {
  if (session.start_time && session.end_time && *session.end_time >= *session.start_time) {
    session.duration =
        std::chrono::round<std::chrono::seconds>(*session.end_time - *session.start_time);
  }
}

void begin_call(Change& change, EventType type, const ultravox::CallEvent& event, WallTime now) {
  Session& session = *change.session;
  if (event.call.joined || type == EventType::kCallJoined) {
    session.start_time = session.start_time.value_or(event.call.joined.value_or(now));
    measure(session);
  }
  if (is_live(session.status)) {
    session.status = SessionStatus::kActive;
    add_event(change, type, {{"call_id", event.call.call_id}});
  }
}

void set_end(Session& session, const ultravox::Call& call, WallTime now) {
  session.end_time = call.ended.value_or(session.end_time.value_or(now));
  if (call.joined) {
    session.start_time = call.joined;
  }
  measure(session);
}

/// The service writes it some time after the end; whichever event has it first brings it.
void note_summary(Session& session, const ultravox::Call& call) {
  const std::string& summary = call.summary.empty() ? call.short_summary : call.summary;
  if (!summary.empty()) {
    session.summary = summary.substr(0, kMaxSummary);
  }
}

void end_call(Change& change, const ultravox::CallEvent& event, WallTime now) {
  Session& session = *change.session;
  const bool was_live = is_live(session.status);
  const ultravox::EndReason reason = event.call.end_reason.value_or(ultravox::EndReason::kUnknown);
  const bool unjoined = reason == ultravox::EndReason::kUnjoined;
  set_end(session, event.call, now);
  note_summary(session, event.call);
  const Json duration = session.duration ? Json(session.duration->count()) : Json(nullptr);
  add_event(change, EventType::kCallEnded,
            {{"call_id", event.call.call_id},
             {"end_reason", ultravox::name_of(reason)},
             {"duration", duration}});
  if (!was_live) {
    return;
  }
  session.status = unjoined ? SessionStatus::kFailed : SessionStatus::kCompleted;
  session.end_reason = ultravox::name_of(reason);
  add_event(change, unjoined ? EventType::kSessionFailed : EventType::kSessionCompleted,
            {{"end_reason", session.end_reason},
             {"duration", duration},
             {"business_outcome", session.business_outcome}});
}

void note_bill(Session& session, const ultravox::Call& call) {
  if (call.billed_duration) {
    session.billed_duration = std::chrono::round<std::chrono::seconds>(*call.billed_duration);
  }
  note_summary(session, call);
}

}  // namespace

Delivery judge_delivery(const Session& session, const ultravox::CallEvent& event) {
  const auto& taken = session.deliveries;
  if (std::find(taken.begin(), taken.end(), delivery_key(event)) != taken.end()) {
    return Delivery::kRepeated;
  }
  const bool other_call =
      !session.ultravox_call_id.empty() && session.ultravox_call_id != event.call.call_id;
  return other_call ? Delivery::kForeign : Delivery::kNew;
}

Change change_for(const Session& session, const ultravox::CallEvent& event, WallTime now) {
  Change change;
  change.session = session;
  change.session->deliveries.push_back(delivery_key(event));
  switch (event.kind) {
    case ultravox::EventKind::kCallStarted:
      begin_call(change, EventType::kCallStarted, event, now);
      break;
    case ultravox::EventKind::kCallJoined:
      begin_call(change, EventType::kCallJoined, event, now);
      break;
    case ultravox::EventKind::kCallEnded:
      end_call(change, event, now);
      break;
    case ultravox::EventKind::kCallBilled:
      note_bill(*change.session, event.call);
      break;
    case ultravox::EventKind::kUnknown:
      break;
  }
  return change;
}

InboxEntry inbox_entry(const ultravox::CallEvent& event, std::string body, WallTime now) {
  return {event.call.call_id, event.name, std::move(body), now};
}

}  // namespace voicectl::runtime
