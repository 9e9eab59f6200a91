// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"

namespace voicectl::runtime {

enum class EventType {
  kSessionCreated,
  kSessionReady,
  kCallStarted,
  kCallJoined,
  kToolCalled,
  kOrderCreated,
  kAppointmentBooked,
  kAppointmentAlternatives,
  kTicketCreated,
  /// A tool's work goes on in another system, after the agent got a promise; it came to nothing.
  kToolPending,
  kToolFailed,
  /// Another system changed it.
  kOrderUpdated,
  kAppointmentUpdated,
  kTicketUpdated,
  kCallEnded,
  kSessionCompleted,
  kSessionFailed,
};
/// The name on the wire, such as "session.created".
std::string_view name_of(EventType type);

/// Something that happened in a session, in the words that go out.
struct SessionEvent {
  SessionId session;
  /// Counts from 1 in its session, without gaps.
  std::uint64_t seq = 0;
  /// Counts from 1 over all sessions of the tenant, without gaps.
  std::uint64_t tenant_seq = 0;
  /// As on the wire; text, because the store may hold types that a newer version wrote.
  std::string type;
  WallTime at;
  /// JSON object.
  std::string data = "{}";
};

/// {"seq":1,"type":"session.created","session_id":"...","at":"...","data":{...}}
std::string render_for_session(const SessionEvent& event);

/// The same with the tenant-wide number as "seq" and the session's own as "session_seq".
std::string render_for_staff(const SessionEvent& event);

}  // namespace voicectl::runtime
