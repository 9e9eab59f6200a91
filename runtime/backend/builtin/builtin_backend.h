// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/time_zone.h"

namespace voicectl::runtime {

/// Business logic from the tenant's own configuration, without another system behind it.
///
/// Answers within the call.
class BuiltinBackend final : public Backend {
 public:
  /// `bookings` are the appointments that were made before. REQUIRES: `clock` and `random`
  /// outlive it.
  BuiltinBackend(Business business,
                 TimeZone zone,
                 std::vector<Booking> bookings,
                 const WallClock& clock,
                 Random& random);

  void place_order(const OrderRequest& request, Completion<OrderOutcome> done) override;
  void book_appointment(const AppointmentRequest& request,
                        Completion<AppointmentOutcome> done) override;
  void create_ticket(const TicketRequest& request, Completion<TicketOutcome> done) override;

  /// Takes a new configuration and keeps the bookings.
  void reconfigure(Business business, TimeZone zone);
  /// Takes the bookings that the store holds, after they had to be read again.
  void restore(std::vector<Booking> bookings) { bookings_ = std::move(bookings); }

 private:
  std::string make_id(std::string_view prefix);
  void forget_past_bookings();

  Business business_;
  TimeZone zone_;
  std::vector<Booking> bookings_;
  const WallClock& clock_;
  Random& random_;
};

}  // namespace voicectl::runtime
