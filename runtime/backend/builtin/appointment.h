// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/time_zone.h"

namespace voicectl::runtime {

/// "2026-11-23" with "14:30", "14:30:00", "2:30 PM" or "2 pm"; nullopt for anything else.
std::optional<LocalTime> parse_local_time(std::string_view date, std::string_view time);

/// "2026-11-23 14:30".
std::string render_local_time(LocalTime at);

/// Finds a time for an appointment among the bookings there are. The booking has no id yet. Pure.
///
/// Those of the staff serve it whose specialty fits the service (all of them if nobody's does); a
/// business without staff serves one appointment at a time. A time is free if it lies within one
/// opening span of its day, is far enough ahead, and somebody who can serve it is free.
AppointmentOutcome decide_appointment(const Business& business,
                                      const TimeZone& zone,
                                      const std::vector<Booking>& bookings,
                                      const AppointmentRequest& request,
                                      WallTime now);

}  // namespace voicectl::runtime
