// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_text.h"
#include "runtime/webhook/tool_dispatch.h"

namespace voicectl::runtime {
namespace {

BusinessRecord make_record(BusinessRecord::Kind kind, std::string id, const Json& data) {
  return {kind, std::move(id), std::nullopt, dump_json(data)};
}

void put_lines(JsonText& out, const PlacedOrder& order) {
  out.begin_array("items");
  for (const OrderLine& line : order.lines) {
    out.begin_item()
        .text("item_name", line.item_name)
        .number("quantity", line.quantity)
        .text("unit_price", line.unit_price.str())
        .text("special_instructions", line.special_instructions)
        .end_object();
  }
  out.end_array();
}

/// A length of time as people say it.
std::string spoken_length(std::chrono::minutes length) {
  constexpr std::chrono::minutes kSaidInMinutes{90};
  constexpr std::chrono::hours kSaidInHours{36};
  const auto with_unit = [](std::int64_t count, std::string_view unit) {
    return std::to_string(count).append(" ").append(unit).append(count == 1 ? "" : "s");
  };
  if (length < kSaidInMinutes) {
    return with_unit(length.count(), "minute");
  }
  return length < kSaidInHours
             ? with_unit(std::chrono::round<std::chrono::hours>(length).count(), "hour")
             : with_unit(std::chrono::round<std::chrono::days>(length).count(), "day");
}

/// What is not known is not said: a backend may tell neither total nor time.
std::string words_of(const PlacedOrder& order) {
  std::string words = "Your order is placed.";
  const bool has_total = order.total != Money{};
  const bool has_time = order.estimated_time.count() > 0;
  if (has_total) {
    words.append(" The total is $").append(order.total.str());
  }
  if (has_time) {
    words.append(has_total ? " and it" : " It")
        .append(" will be ready in about ")
        .append(spoken_length(order.estimated_time));
  }
  return has_total || has_time ? words + "." : words;
}

ToolEffect placed(const PlacedOrder& order, const OrderRequest& request) {
  const std::string total = order.total.str();
  const auto minutes = order.estimated_time.count();
  constexpr std::size_t kUsualRecord = 600;
  JsonText data(kUsualRecord);
  data.text("order_id", order.order_id)
      .text("total_amount", total)
      .number("estimated_time", minutes)
      .text("order_type", name_of(request.type));
  put_lines(data, order);
  data.text("customer_name", request.customer_name)
      .text("phone", request.phone)
      .text("delivery_address", request.delivery_address);
  JsonText answer;
  answer.flag("success", true)
      .text("order_id", order.order_id)
      .text("total_amount", total)
      .number("estimated_time", minutes)
      .text("message", words_of(order));
  ToolEffect effect{answer.take(), {}, std::nullopt, "Voice Restaurant Order"};
  std::string record = data.take();
  effect.events.push_back({EventType::kOrderCreated, record});
  effect.record =
      BusinessRecord{BusinessRecord::Kind::kOrder, order.order_id, std::nullopt, std::move(record)};
  return effect;
}

std::string words_of(const BookedAppointment& appointment) {
  const std::string& staff = appointment.booking.staff;
  return fmt::format("Your {} is booked for {}{}{}.", appointment.service, appointment.local_start,
                     staff.empty() ? "" : " with ", staff);
}

Json hints_of(const CreatedTicket& ticket) {
  Json hints = Json::array();
  for (const KnowledgeArticle& article : ticket.hints) {
    hints.push_back({{"title", article.title}, {"content", article.content}});
  }
  return hints;
}

ToolEffect booked(const BookedAppointment& appointment, const AppointmentRequest& request) {
  const Booking& booking = appointment.booking;
  const Json data = {{"appointment_id", booking.appointment_id},
                     {"service", appointment.service},
                     {"price", appointment.price.str()},
                     {"start", appointment.local_start},
                     {"staff", booking.staff},
                     {"start_at", format_wall_time(booking.start)},
                     {"end_at", format_wall_time(booking.end)},
                     {"customer_name", request.customer_name},
                     {"phone", request.phone}};
  const Json answer = {{"success", true},
                       {"status", "booked"},
                       {"appointment_id", booking.appointment_id},
                       {"service", appointment.service},
                       {"start", appointment.local_start},
                       {"staff", booking.staff},
                       {"message", words_of(appointment)}};
  BusinessRecord record =
      make_record(BusinessRecord::Kind::kAppointment, booking.appointment_id, data);
  record.booking = booking;
  return {dump_json(answer),
          {{EventType::kAppointmentBooked, dump_json(data)}},
          std::move(record),
          "Voice Appointment"};
}

std::string_view status_of(Alternatives::Cause cause) {
  switch (cause) {
    case Alternatives::Cause::kTaken:
      return "partial";
    case Alternatives::Cause::kClosed:
      return "closed";
    case Alternatives::Cause::kTooSoon:
      return "too_soon";
  }
  return "partial";
}

ToolEffect offered(const Alternatives& alternatives, const AppointmentRequest& request) {
  const Json answer = {{"success", false},
                       {"status", status_of(alternatives.cause)},
                       {"service", alternatives.service},
                       {"alternative_slots", alternatives.local_starts},
                       {"message", alternatives.message}};
  const Json data = {{"service", alternatives.service},
                     {"status", status_of(alternatives.cause)},
                     {"wanted", request.date + " " + request.time},
                     {"alternative_slots", alternatives.local_starts}};
  return {dump_json(answer),
          {{EventType::kAppointmentAlternatives, dump_json(data)}},
          std::nullopt,
          ""};
}

ToolEffect created(const CreatedTicket& ticket, const TicketRequest& request) {
  const Json data = {{"ticket_id", ticket.ticket_id},
                     {"category", ticket.category},
                     {"priority", name_of(ticket.priority)},
                     {"expected_resolution_minutes", ticket.expected_resolution.count()},
                     {"assigned_to", ticket.assigned_to},
                     {"customer_name", request.customer_name},
                     {"issue_description", request.issue_description}};
  const Json answer = {
      {"success", true},
      {"ticket_id", ticket.ticket_id},
      {"category", ticket.category},
      {"priority", name_of(ticket.priority)},
      {"expected_resolution_minutes", ticket.expected_resolution.count()},
      {"assigned_to", ticket.assigned_to},
      {"hints", hints_of(ticket)},
      {"message", fmt::format("I have created ticket {}. We expect to resolve it within {}.",
                              ticket.ticket_id, spoken_length(ticket.expected_resolution))}};
  return {dump_json(answer),
          {{EventType::kTicketCreated, dump_json(data)}},
          make_record(BusinessRecord::Kind::kTicket, ticket.ticket_id, data),
          "Voice Support Ticket"};
}

}  // namespace

ToolEffect effect_of(const Refusal& refusal) {
  const Json answer = {{"success", false}, {"error", "refused"}, {"message", refusal.message}};
  return {dump_json(answer), {}, std::nullopt, ""};
}

ToolEffect effect_of(const OrderOutcome& outcome, const OrderRequest& request) {
  const auto* order = std::get_if<PlacedOrder>(&outcome);
  return order != nullptr ? placed(*order, request) : effect_of(std::get<Refusal>(outcome));
}

ToolEffect effect_of(const AppointmentOutcome& outcome, const AppointmentRequest& request) {
  if (const auto* appointment = std::get_if<BookedAppointment>(&outcome)) {
    return booked(*appointment, request);
  }
  if (const auto* alternatives = std::get_if<Alternatives>(&outcome)) {
    return offered(*alternatives, request);
  }
  return effect_of(std::get<Refusal>(outcome));
}

ToolEffect effect_of(const TicketOutcome& outcome, const TicketRequest& request) {
  const auto* ticket = std::get_if<CreatedTicket>(&outcome);
  return ticket != nullptr ? created(*ticket, request) : effect_of(std::get<Refusal>(outcome));
}

}  // namespace voicectl::runtime
