// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session_event.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

/// `data` is JSON already: it is set in as it is, so that an event is rendered once.
std::string render(const SessionEvent& event, const std::string& numbers) {
  return fmt::format(R"({{{},"type":{},"session_id":{},"at":"{}","data":{}}})", numbers,
                     dump_json(event.type), dump_json(event.session.str()),
                     format_wall_time(event.at), event.data);
}

}  // namespace

std::string_view name_of(EventType type) {
  switch (type) {
    case EventType::kSessionCreated:
      return "session.created";
    case EventType::kSessionReady:
      return "session.ready";
    case EventType::kCallStarted:
      return "call.started";
    case EventType::kCallJoined:
      return "call.joined";
    case EventType::kToolCalled:
      return "tool.called";
    case EventType::kOrderCreated:
      return "order.created";
    case EventType::kAppointmentBooked:
      return "appointment.booked";
    case EventType::kAppointmentAlternatives:
      return "appointment.alternatives";
    case EventType::kTicketCreated:
      return "ticket.created";
    case EventType::kCallEnded:
      return "call.ended";
    case EventType::kSessionCompleted:
      return "session.completed";
    case EventType::kSessionFailed:
      return "session.failed";
  }
  return "session.failed";
}

std::string render_for_session(const SessionEvent& event) {
  return render(event, fmt::format(R"("seq":{})", event.seq));
}

std::string render_for_staff(const SessionEvent& event) {
  return render(event, fmt::format(R"("seq":{},"session_seq":{})", event.tenant_seq, event.seq));
}

}  // namespace voicectl::runtime
