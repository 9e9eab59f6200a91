// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session_event.h"

#include <utility>

#include "base/json_text.h"

namespace voicectl::runtime {
namespace {

/// `data` is JSON already: it is set in as it is, so that an event is rendered once. `out` has the
/// numbers.
std::string render(JsonText out, const SessionEvent& event) {
  return out.text("type", event.type)
      .text("session_id", event.session.str())
      .text("at", format_wall_time(event.at))
      .json("data", event.data)
      .take();
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
    case EventType::kToolPending:
      return "tool.pending";
    case EventType::kToolFailed:
      return "tool.failed";
    case EventType::kOrderUpdated:
      return "order.updated";
    case EventType::kAppointmentUpdated:
      return "appointment.updated";
    case EventType::kTicketUpdated:
      return "ticket.updated";
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
  JsonText out;
  out.number("seq", static_cast<std::int64_t>(event.seq));
  return render(std::move(out), event);
}

std::string render_for_staff(const SessionEvent& event) {
  JsonText out;
  out.number("seq", static_cast<std::int64_t>(event.tenant_seq))
      .number("session_seq", static_cast<std::int64_t>(event.seq));
  return render(std::move(out), event);
}

}  // namespace voicectl::runtime
