// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/backend/business.h"

namespace voicectl::runtime {

/// The business says no, in words that an agent can speak. Not an error of ours.
struct Refusal {
  std::string message;
};

/// Whether a request can be the second one of its reference in the eyes of the system behind a
/// backend.
enum class Repetition { kNone, kPossible };

/// What makes a request happen once in the system behind a backend.
struct RequestMark {
  /// The same for every attempt, and for no other request; empty if nobody tells them apart.
  std::string reference;
  Repetition repetition = Repetition::kNone;
};

enum class OrderType { kTakeaway, kDelivery, kDineIn };
std::string_view name_of(OrderType type);
/// "Dine In", "dine-in", "takeaway": case, spaces and hyphens do not matter.
std::optional<OrderType> order_type_named(std::string_view text);

struct OrderItem {
  std::string item_name;
  std::uint32_t quantity = 1;
  std::string special_instructions;
};

struct OrderRequest {
  std::string customer_name;
  std::string phone;
  std::vector<OrderItem> items;
  OrderType type = OrderType::kTakeaway;
  std::string delivery_address;
  RequestMark mark = {};
};

struct OrderLine {
  /// As the menu spells it.
  std::string item_name;
  std::uint32_t quantity = 1;
  Money unit_price;
  std::string special_instructions;
};

struct PlacedOrder {
  std::string order_id;
  std::vector<OrderLine> lines;
  Money total;
  std::chrono::minutes estimated_time{0};
};

using OrderOutcome = std::variant<PlacedOrder, Refusal>;

struct AppointmentRequest {
  std::string customer_name;
  std::string phone;
  std::string service_type;
  /// As the caller gave them: "2026-11-23", "14:30" or "2:30 PM", in the tenant's time zone.
  std::string date;
  std::string time;
  RequestMark mark = {};
};

/// A span of time that is taken.
struct Booking {
  std::string appointment_id;
  WallTime start;
  WallTime end;
  /// Who serves it; empty if nobody in particular.
  std::string staff = {};
};

struct BookedAppointment {
  Booking booking;
  std::string service;
  Money price;
  /// In the tenant's time zone: "2026-11-23 14:30".
  std::string local_start;
};

struct Alternatives {
  enum class Cause { kTaken, kClosed, kTooSoon };
  Cause cause = Cause::kTaken;
  std::string service;
  /// The nearest free times, nearest first, in the tenant's time zone; at most three.
  std::vector<std::string> local_starts;
  std::string message;
};

using AppointmentOutcome = std::variant<BookedAppointment, Alternatives, Refusal>;

struct TicketRequest {
  std::string customer_name;
  std::string issue_description;
  std::string category;
  std::optional<Priority> priority;
  RequestMark mark = {};
};

struct CreatedTicket {
  std::string ticket_id;
  std::string category;
  Priority priority = Priority::kMedium;
  std::chrono::minutes expected_resolution{240};
  /// Name of a member of staff; empty if nobody's specialty fits.
  std::string assigned_to;
  /// What may help the caller at once, best first; at most two.
  std::vector<KnowledgeArticle> hints = {};
};

using TicketOutcome = std::variant<CreatedTicket, Refusal>;

/// Decides what a tool call comes to. What it decides counts at once (two callers never get one
/// appointment), but it becomes durable only with the store.
///
/// ERRORS of all three: those of the system behind it (kUnavailable, kTimeout); none for a "no"
/// of the business.
/// THREADS: loop thread only. Completions may run within the call.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual void place_order(const OrderRequest& request, Completion<OrderOutcome> done) = 0;
  virtual void book_appointment(const AppointmentRequest& request,
                                Completion<AppointmentOutcome> done) = 0;
  virtual void create_ticket(const TicketRequest& request, Completion<TicketOutcome> done) = 0;

  /// Where the effect lies.
  enum class Reach {
    kWithin,  ///< in what it answers: it answers within the call, and nothing else knows of it
    kBeyond,  ///< in another system, which may be slow or away, and may be asked twice
  };
  virtual Reach reach() const { return Reach::kWithin; }
  /// How long the other system asks to be left alone; zero if it does not.
  virtual Duration quiet_for() const { return Duration(0); }
};

}  // namespace voicectl::runtime
