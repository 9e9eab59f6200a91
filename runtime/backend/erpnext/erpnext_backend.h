// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/backend/erpnext/erpnext_outcome.h"

namespace voicectl::runtime {

/// Business logic of the site's `business_workflows` app.
///
/// A request's reference makes it happen once: it goes into a unique field, a repeated request
/// looks for it before it is sent, and a duplicate that the site refuses is looked up and is
/// success. Answers within the settings' time-out, once for each request that has to be made.
/// ERRORS of all three: kUnavailable, kTimeout, kResourceExhausted (the site as a whole);
/// kConflict, kPermissionDenied, kCorrupt (may pass); others stay.
class ErpnextBackend final : public Backend {
 public:
  /// REQUIRES: `client` outlives it.
  ErpnextBackend(ErpnextClient& client, SiteClocks clocks);

  void reconfigure(SiteClocks clocks) { clocks_ = std::move(clocks); }

  void place_order(const OrderRequest& request, Completion<OrderOutcome> done) override;
  void book_appointment(const AppointmentRequest& request,
                        Completion<AppointmentOutcome> done) override;
  void create_ticket(const TicketRequest& request, Completion<TicketOutcome> done) override;
  Reach reach() const override { return Reach::kBeyond; }
  Duration quiet_for() const override { return client_.quiet_for(); }

 private:
  enum class WhenMissing { kAsk, kFail };
  struct Task;

  void run(Task task);
  void ask(const std::shared_ptr<Task>& task);
  void look_up(const std::shared_ptr<Task>& task, WhenMissing when_missing);

  ErpnextClient& client_;
  SiteClocks clocks_;
  std::shared_ptr<ErpnextBackend*> self_;
};

}  // namespace voicectl::runtime
