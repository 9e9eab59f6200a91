// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/call_events.h"

#include <utility>
#include <vector>

#include "runtime/webhook/call_deliverer.h"
#include "runtime/webhook/ultravox_events.h"

namespace voicectl::runtime {

void CallEvents::apply(const ultravox::CallEvent& event,
                       const std::optional<Session>& session,
                       std::optional<std::string> body,
                       std::function<void(Status)> done) {
  Change change;
  const WallTime now = scope_.clock.now();
  const Delivery delivery = session ? judge_delivery(*session, event) : Delivery::kForeign;
  if (delivery == Delivery::kNew) {
    change = change_for(*session, event, now);
  }
  if (delivery != Delivery::kRepeated && body) {
    change.inbox.push_back(inbox_entry(event, std::move(*body), now));
  }
  std::vector<NewEffect> effects;
  const bool is_end = event.kind == ultravox::EventKind::kCallEnded;
  if (change.session && is_end) {
    effects.push_back(
        fetch_call_effect(change.session->session.str(), event.call.call_id, event.name));
  }
  if (change.session && (is_end || event.kind == ultravox::EventKind::kCallBilled)) {
    for (NewEffect& effect : erp_.on_session_news(*change.session, event.name)) {
      effects.push_back(std::move(effect));
    }
  }
  scope_.outbox.commit(std::move(change), std::move(effects), std::move(done));
}

}  // namespace voicectl::runtime
