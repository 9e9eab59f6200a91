// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "base/json_text.h"
#include "base/result.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/time_zone.h"

/// Requests as the site's business methods take them, and what they answer. All pure.
namespace voicectl::runtime {

/// The two clocks that an appointment is told by.
struct SiteClocks {
  TimeZone tenant;
  TimeZone site;
};

JsonText render_order(const OrderRequest& request);
/// ERRORS: kInvalidArgument for a time that is none.
Result<JsonText> render_appointment(const AppointmentRequest& request, const SiteClocks& clocks);
JsonText render_ticket(const TicketRequest& request);

/// Reads what a method returned, or the document that it made: then the document's `name` is its
/// id. {"success":false} or {"status":"error"} is a refusal in the site's words.
/// ERRORS: kCorrupt without an id: what came of the request is not known.
Result<OrderOutcome> order_outcome(const Json& content, const OrderRequest& request);
Result<AppointmentOutcome> appointment_outcome(const Json& content,
                                               const AppointmentRequest& request,
                                               const SiteClocks& clocks);
Result<TicketOutcome> ticket_outcome(const Json& content, const TicketRequest& request);

/// A refusal in the site's words; in ours if it has none.
Refusal refusal_in_words(const std::string& words);

}  // namespace voicectl::runtime
