// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_outcome.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/backend/builtin/appointment.h"
#include "runtime/backend/erpnext/erpnext_settings.h"
#include "runtime/backend/erpnext/erpnext_text.h"

namespace voicectl::runtime {
namespace {

constexpr std::chrono::minutes kUsualDuration{30};
constexpr std::chrono::minutes kUsualResolution{240};
constexpr std::size_t kMostAlternatives = 3;

/// A number that may be written as text; nullopt for anything else.
std::optional<double> number_in(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return std::nullopt;
  }
  if (found->is_number()) {
    return found->get<double>();
  }
  if (!found->is_string()) {
    return std::nullopt;
  }
  const auto& text = found->get_ref<const std::string&>();
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

/// Amounts come as binary fractions: 46.970000000000006 is 46.97.
Money money_in(const Json& object, std::string_view key) {
  constexpr double kMost = 1e12;
  const double amount = number_in(object, key).value_or(0) * 100;
  return Money{std::abs(amount) < kMost ? std::llround(amount) : 0};
}

std::chrono::minutes minutes_in(const Json& object,
                                std::string_view key,
                                std::chrono::minutes otherwise) {
  constexpr double kMost = 60.0 * 24 * 366;
  const std::optional<double> number = number_in(object, key);
  const bool usable = number && *number >= 0 && *number < kMost;
  return usable ? std::chrono::minutes(std::llround(*number)) : otherwise;
}

std::string id_in(const Json& content, std::string_view key) {
  for (const std::string_view member : {key, std::string_view("name")}) {
    const auto found = content.find(member);
    if (found != content.end() && found->is_number_integer()) {
      return found->dump();
    }
    if (found != content.end() && found->is_string() &&
        !found->get_ref<const std::string&>().empty()) {
      return found->get<std::string>();
    }
  }
  return {};
}

Error unreadable(std::string_view key) {
  return {ErrorCode::kCorrupt,
          fmt::format("cannot read what ERPNext answered: it holds no '{}'", key)};
}

/// The site's words if it says no within a successful answer.
std::optional<Refusal> refusal_in(const Json& content) {
  const auto success = content.find("success");
  const std::string status = string_or(content, "status", "");
  const bool no = (success != content.end() && success->is_boolean() && !success->get<bool>()) ||
                  status == "error" || status == "failed";
  if (!no) {
    return std::nullopt;
  }
  const std::string words = string_or(content, "message", string_or(content, "error", ""));
  return refusal_in_words(plain_words(words));
}

/// "2026-12-01 10:00:00", {"date":...,"time":...} or {"appointment_date":...}: on the tenant's
/// clock.
std::string local_slot(const Json& slot, const SiteClocks& clocks) {
  std::optional<LocalTime> at;
  if (slot.is_string()) {
    at = site_time_of(slot.get_ref<const std::string&>());
  } else if (slot.is_object()) {
    const std::string date = string_or(slot, "date", string_or(slot, "appointment_date", ""));
    const std::string time = string_or(slot, "time", string_or(slot, "appointment_time", ""));
    at = site_time_of(date + " " + time);
  }
  return at ? render_local_time(clocks.tenant.to_local(clocks.site.to_utc(*at))) : std::string();
}

Alternatives alternatives_in(const Json& content,
                             const AppointmentRequest& request,
                             const SiteClocks& clocks) {
  Alternatives other;
  other.service = string_or(content, "service", request.service_type);
  const auto slots = content.find("alternative_slots");
  if (slots != content.end() && slots->is_array()) {
    for (const Json& slot : *slots) {
      std::string start = local_slot(slot, clocks);
      if (!start.empty() && other.local_starts.size() < kMostAlternatives) {
        other.local_starts.push_back(std::move(start));
      }
    }
  }
  other.message = plain_words(string_or(content, "message", ""));
  if (other.message.empty()) {
    other.message = other.local_starts.empty()
                        ? "I'm sorry, that time is taken. Which other time would suit you?"
                        : "I'm sorry, that time is taken. The next free time is " +
                              other.local_starts.front() + ".";
  }
  return other;
}

std::optional<WallTime> start_in(const Json& content,
                                 const AppointmentRequest& request,
                                 const SiteClocks& clocks) {
  for (const std::string& text :
       {string_or(content, "scheduled_time", ""), string_or(content, "start", ""),
        string_or(content, "appointment_date", "") + " " +
            string_or(content, "appointment_time", "")}) {
    if (const auto at = site_time_of(text)) {
      return clocks.site.to_utc(*at);
    }
  }
  const auto asked = parse_local_time(request.date, request.time);
  return asked ? std::optional(clocks.tenant.to_utc(*asked)) : std::nullopt;
}

std::vector<OrderLine> lines_in(const Json& content, const OrderRequest& request) {
  std::vector<OrderLine> lines;
  const auto items = content.find("items");
  if (items != content.end() && items->is_array()) {
    for (const Json& item : *items) {
      if (item.is_object()) {
        const double quantity = number_in(item, "quantity").value_or(1);
        lines.push_back({string_or(item, "item_name", ""),
                         quantity >= 1 && quantity < 1e6 ? static_cast<std::uint32_t>(quantity) : 1,
                         money_in(item, item.contains("rate") ? "rate" : "unit_price"),
                         string_or(item, "special_instructions", "")});
      }
    }
  }
  if (lines.empty()) {
    for (const OrderItem& item : request.items) {
      lines.push_back({item.item_name, item.quantity, Money{}, item.special_instructions});
    }
  }
  return lines;
}

void add_mark(JsonText& body, const RequestMark& mark) {
  if (!mark.reference.empty()) {
    body.text(kReferenceField, mark.reference);
  }
}

}  // namespace

Refusal refusal_in_words(const std::string& words) {
  return {words.empty() ? "I'm sorry, that is not possible. Could we try something else?" : words};
}

JsonText render_order(const OrderRequest& request) {
  constexpr std::size_t kUsualOrder = 500;
  JsonText body(kUsualOrder);
  body.text("customer_name", request.customer_name)
      .text("phone", request.phone)
      .begin_array("items");
  for (const OrderItem& item : request.items) {
    body.begin_item()
        .text("item_name", item.item_name)
        .number("quantity", item.quantity)
        .text("special_instructions", item.special_instructions)
        .end_object();
  }
  body.end_array()
      .text("order_type", name_of(request.type))
      .text("delivery_address", request.delivery_address);
  add_mark(body, request.mark);
  return body;
}

Result<JsonText> render_appointment(const AppointmentRequest& request, const SiteClocks& clocks) {
  const auto asked = parse_local_time(request.date, request.time);
  if (!asked) {
    return Error(ErrorCode::kInvalidArgument, "cannot book an appointment: its time is none");
  }
  const std::string at = render_site_time(clocks.site.to_local(clocks.tenant.to_utc(*asked)));
  JsonText body;
  body.text("customer_name", request.customer_name)
      .text("phone", request.phone)
      .text("service_type", request.service_type)
      .text("appointment_date", at.substr(0, at.find(' ')))
      .text("appointment_time", at.substr(at.find(' ') + 1));
  add_mark(body, request.mark);
  return body;
}

JsonText render_ticket(const TicketRequest& request) {
  JsonText body;
  body.text("customer_name", request.customer_name)
      .text("issue_description", request.issue_description)
      .text("category", request.category);
  if (request.priority) {
    body.text("priority", name_of(*request.priority));
  }
  add_mark(body, request.mark);
  return body;
}

Result<OrderOutcome> order_outcome(const Json& content, const OrderRequest& request) {
  if (!content.is_object()) {
    return unreadable("order_id");
  }
  if (auto refusal = refusal_in(content)) {
    return OrderOutcome(std::move(*refusal));
  }
  PlacedOrder order;
  order.order_id = id_in(content, "order_id");
  if (order.order_id.empty()) {
    return unreadable("order_id");
  }
  order.total = money_in(content, "total_amount");
  order.estimated_time = minutes_in(content, "estimated_time", std::chrono::minutes(0));
  order.lines = lines_in(content, request);
  return OrderOutcome(std::move(order));
}

Result<AppointmentOutcome> appointment_outcome(const Json& content,
                                               const AppointmentRequest& request,
                                               const SiteClocks& clocks) {
  if (!content.is_object()) {
    return unreadable("appointment_id");
  }
  if (string_or(content, "status", "") == "partial") {
    return AppointmentOutcome(alternatives_in(content, request, clocks));
  }
  if (auto refusal = refusal_in(content)) {
    return AppointmentOutcome(std::move(*refusal));
  }
  BookedAppointment booked;
  booked.booking.appointment_id = id_in(content, "appointment_id");
  const auto start = start_in(content, request, clocks);
  if (booked.booking.appointment_id.empty() || !start) {
    return unreadable("appointment_id");
  }
  booked.booking.start = *start;
  booked.booking.end = *start + minutes_in(content, "duration", kUsualDuration);
  booked.service = string_or(content, "service", request.service_type);
  booked.price = money_in(content, "price");
  booked.local_start = render_local_time(clocks.tenant.to_local(*start));
  return AppointmentOutcome(std::move(booked));
}

Result<TicketOutcome> ticket_outcome(const Json& content, const TicketRequest& request) {
  if (!content.is_object()) {
    return unreadable("ticket_id");
  }
  if (auto refusal = refusal_in(content)) {
    return TicketOutcome(std::move(*refusal));
  }
  CreatedTicket ticket;
  ticket.ticket_id = id_in(content, "ticket_id");
  if (ticket.ticket_id.empty()) {
    return unreadable("ticket_id");
  }
  ticket.category = string_or(content, "category", request.category);
  ticket.priority = priority_named(string_or(content, "priority", ""))
                        .value_or(request.priority.value_or(Priority::kMedium));
  ticket.expected_resolution = minutes_in(content, "expected_resolution_minutes", kUsualResolution);
  ticket.assigned_to = string_or(content, "assigned_to", "");
  return TicketOutcome(std::move(ticket));
}

}  // namespace voicectl::runtime
