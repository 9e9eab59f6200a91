// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "runtime/outbox/deliverer.h"
#include "runtime/session/session_book.h"
#include "runtime/ultravox/ultravox_client.h"

namespace voicectl::runtime {

/// What is owed to the voice service, as effects for the outbox.
inline constexpr std::string_view kCallEffects = "ultravox.";
struct InstructionMarks;

inline constexpr std::string_view kFetchCall = "ultravox.fetch_call";
/// Tells the agent something during its call: what came of a promise. `reference` tells it from all
/// others. Not told once it is old news, or the call is over.
NewEffect tell_agent_effect(const std::string& session,
                            const std::string& call_id,
                            std::string_view reference,
                            std::string_view instruction);
inline constexpr Duration kOldNews = std::chrono::minutes(2);
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
  /// What the tenant makes of a call whose words are here.
  struct Handlers {
    /// What is to follow when a session has learned its transcript.
    std::function<std::vector<NewEffect>(const Session&)> follow_ups;
    /// What the session learns of tools that were not run here; at least the session itself.
    std::function<Change(
        const Session&, const ultravox::Call&, const std::vector<ultravox::CallMessage>&)>
        outcomes;
    /// Learns the name of each record that came with that, once it is durable.
    std::function<void(const std::string&)> on_record;
    /// What the agent of a session knows us by.
    std::function<InstructionMarks(const SessionId&)> marks;
  };

  /// REQUIRES: `client` (which may be replaced by another), `clock` and `book` outlive it.
  CallDeliverer(const std::shared_ptr<ultravox::UltravoxClient>& client,
                const WallClock& clock,
                SessionBook& book,
                Handlers handlers);

  std::string_view target() const override { return "ultravox"; }
  void deliver(const OutboxEntry& entry,
               Attempt attempt,
               std::function<void(DeliveryOutcome)> done) override;

 private:
  struct Fetch;
  void tell_agent(const OutboxEntry& entry,
                  const std::string& call,
                  const std::string& instruction,
                  std::function<void(DeliveryOutcome)> done);
  void fetch_messages(const std::shared_ptr<Fetch>& fetch);
  void note(const std::shared_ptr<Fetch>& fetch);

  const std::shared_ptr<ultravox::UltravoxClient>& client_;
  const WallClock& clock_;
  SessionBook& book_;
  Handlers handlers_;
  std::shared_ptr<CallDeliverer*> self_;
};

}  // namespace voicectl::runtime
