// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace voicectl::runtime {

/// Where a tenant's ERPNext is, and as whom it is asked.
struct ErpnextSettings {
  /// Base address without a slash at its end: "https://erp.qastco.com".
  std::string url;
  /// Sent as X-Frappe-Site-Name; empty: the site follows from the address.
  std::string site;
  /// Goes along with every request: an API user without restrictions would silently get the site's
  /// default company otherwise.
  std::string company;
  /// Holds "<key>:<secret>".
  std::string credentials_file;
  /// The zone in which the site writes its dates, by IANA name; empty: the tenant's own.
  std::string time_zone;
  /// How long one request may take.
  Duration timeout = std::chrono::seconds(10);
  friend bool operator==(const ErpnextSettings&, const ErpnextSettings&) = default;
};

/// Field of orders, appointments and tickets that holds our name for the request that made them.
/// It must be unique on the site: two requests of one name make one document. Frappe itself ignores
/// a `name` that it is given, and knows no idempotency keys.
inline constexpr std::string_view kReferenceField = "voice_reference";

/// The site's business methods, below /api/method/.
inline constexpr std::string_view kErpnextMethods = "business_workflows.api.";
inline constexpr std::string_view kPlaceOrderMethod = "restaurant_logic.place_order";
inline constexpr std::string_view kBookAppointmentMethod = "appointment_logic.book_appointment";
inline constexpr std::string_view kCreateTicketMethod = "support_logic.create_ticket";

}  // namespace voicectl::runtime
