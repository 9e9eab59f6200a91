// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/builtin_backend.h"

#include <utility>

#include "runtime/backend/builtin/appointment.h"
#include "runtime/backend/builtin/restaurant.h"
#include "runtime/backend/builtin/support.h"

namespace voicectl::runtime {
namespace {

/// Long enough that two of one tenant's never meet, short enough to be read out.
constexpr std::size_t kIdCharacters = 10;

}  // namespace

BuiltinBackend::BuiltinBackend(Business business,
                               TimeZone zone,
                               std::vector<Booking> bookings,
                               const WallClock& clock,
                               Random& random)
    : business_(std::move(business)),
      zone_(std::move(zone)),
      bookings_(std::move(bookings)),
      clock_(clock),
      random_(random) {}

std::string BuiltinBackend::make_id(std::string_view prefix) {
  return std::string(prefix) + random_.token(kIdCharacters);
}

void BuiltinBackend::reconfigure(Business business, TimeZone zone) {
  business_ = std::move(business);
  zone_ = std::move(zone);
}

void BuiltinBackend::forget_past_bookings() {
  const WallTime now = clock_.now();
  std::erase_if(bookings_, [now](const Booking& booking) { return booking.end <= now; });
}

void BuiltinBackend::place_order(const OrderRequest& request, Completion<OrderOutcome> done) {
  OrderOutcome outcome = decide_order(business_.menu, request);
  if (auto* order = std::get_if<PlacedOrder>(&outcome)) {
    order->order_id = make_id("order-");
  }
  done(std::move(outcome));
}

void BuiltinBackend::book_appointment(const AppointmentRequest& request,
                                      Completion<AppointmentOutcome> done) {
  forget_past_bookings();
  AppointmentOutcome outcome =
      decide_appointment(business_, zone_, bookings_, request, clock_.now());
  if (auto* booked = std::get_if<BookedAppointment>(&outcome)) {
    booked->booking.appointment_id = make_id("appt-");
    // Taken from now on, although not yet durable: the next caller must not be offered it.
    bookings_.push_back(booked->booking);
  }
  done(std::move(outcome));
}

void BuiltinBackend::create_ticket(const TicketRequest& request, Completion<TicketOutcome> done) {
  TicketOutcome outcome = decide_ticket(business_, request);
  if (auto* ticket = std::get_if<CreatedTicket>(&outcome)) {
    ticket->ticket_id = make_id("ticket-");
  }
  done(std::move(outcome));
}

}  // namespace voicectl::runtime
