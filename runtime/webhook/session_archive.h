// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/backend/time_zone.h"
#include "runtime/outbox/deliverer.h"
#include "runtime/session/session_book.h"

namespace voicectl::runtime {

/// Keeps the record of each ended session in ERPNext, as a "Voice Session".
///
/// A delivery writes what the session is at that moment over what is there, so that it may be
/// repeated, and come late, without harm.
/// THREADS: loop thread only.
class SessionArchive final : public Deliverer {
 public:
  /// REQUIRES: all outlive it.
  SessionArchive(ErpnextClient& client, SessionBook& book);

  /// The site's zone, in which its dates are.
  void set_zone(TimeZone site) { site_ = std::move(site); }

  static constexpr std::string_view kKind = "erpnext.save_session";
  /// `occasion` tells the effects of one session apart: "ended", "transcript".
  static NewEffect effect(const SessionId& session, std::string_view occasion);

  std::string_view target() const override { return "erpnext"; }
  void deliver(const OutboxEntry& entry,
               Attempt attempt,
               std::function<void(DeliveryOutcome)> done) override;

 private:
  using Done = std::function<void(DeliveryOutcome)>;
  /// Ends the delivery if the site did not do as asked; else goes on with what it answered (null if
  /// that is no JSON). `doing` is for the error: "save the session".
  ErpnextClient::OnAnswer with_content(std::string doing,
                                       const Done& done,
                                       std::function<void(const Json&)> then);
  void save(const Json& document, const Done& done);
  void write(const Json& document, const std::string& name, const Done& done);

  ErpnextClient& client_;
  SessionBook& book_;
  TimeZone site_;
  std::shared_ptr<SessionArchive*> self_;
};

}  // namespace voicectl::runtime
