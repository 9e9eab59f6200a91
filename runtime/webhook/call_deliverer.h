// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/outbox/deliverer.h"
#include "runtime/session/session_book.h"
#include "runtime/ultravox/ultravox_client.h"

namespace voicectl::runtime {

/// What is owed to the voice service, as effects for the outbox.
inline constexpr std::string_view kCallEffects = "ultravox.";
NewEffect hang_up_effect(const std::string& session, const std::string& call_id);
/// Fetches transcript and summary into the session. `occasion` tells two of one call apart: a
/// session that we ended may still learn its end from the service.
NewEffect fetch_call_effect(const std::string& session,
                            const std::string& call_id,
                            std::string_view occasion);

/// Hangs up calls, and fetches what was said in those that ended.
///
/// THREADS: loop thread only.
class CallDeliverer final : public Deliverer {
 public:
  /// What is to follow when a session has learned its transcript.
  using FollowUps = std::function<std::vector<NewEffect>(const Session&)>;

  /// REQUIRES: `client` (which may be replaced by another) and `book` outlive it.
  CallDeliverer(const std::shared_ptr<ultravox::UltravoxClient>& client,
                SessionBook& book,
                FollowUps follow_ups);

  std::string_view target() const override { return "ultravox"; }
  void deliver(const OutboxEntry& entry,
               Attempt attempt,
               std::function<void(DeliveryOutcome)> done) override;

 private:
  struct Fetch;
  void fetch_messages(const std::shared_ptr<Fetch>& fetch);
  void note(const std::shared_ptr<Fetch>& fetch, std::string transcript);

  const std::shared_ptr<ultravox::UltravoxClient>& client_;
  SessionBook& book_;
  FollowUps follow_ups_;
  std::shared_ptr<CallDeliverer*> self_;
};

}  // namespace voicectl::runtime
