// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/event_hub.h"

#include <utility>

namespace voicectl::runtime {

EventHub::Subscription EventHub::listen_to_session(const SessionId& session, Sink sink) {
  auto held = std::make_shared<Sink>(std::move(sink));
  by_session_[session].push_back(held);
  return held;
}

EventHub::Subscription EventHub::listen_to_tenant(Sink sink) {
  auto held = std::make_shared<Sink>(std::move(sink));
  tenant_.push_back(held);
  return held;
}

EventHub::Subscription EventHub::watch(Watcher watcher) {
  auto held = std::make_shared<Watcher>(std::move(watcher));
  watchers_.push_back(held);
  return held;
}

void EventHub::pass_on(Sinks& sinks,
                       std::uint64_t seq,
                       const std::string& text,
                       const SessionEvent& event) {
  std::erase_if(sinks, [](const std::weak_ptr<Sink>& sink) { return sink.expired(); });
  // A copy, because a listener may add or drop listeners.
  const Sinks present = sinks;
  for (const std::weak_ptr<Sink>& weak : present) {
    if (const auto sink = weak.lock()) {
      (*sink)(seq, text, event);
    }
  }
}

void EventHub::publish(const SessionEvent& event) {
  for (const std::weak_ptr<Watcher>& weak : watchers_) {
    if (const auto watcher = weak.lock()) {
      (*watcher)(event);
    }
  }
  if (const auto found = by_session_.find(event.session); found != by_session_.end()) {
    pass_on(found->second, event.seq, render_for_session(event), event);
  }
  // Looked up again, because a listener may have changed the map.
  if (const auto found = by_session_.find(event.session);
      found != by_session_.end() && found->second.empty()) {
    by_session_.erase(found);
  }
  if (!tenant_.empty()) {
    pass_on(tenant_, event.tenant_seq, render_for_staff(event), event);
  }
  last_told_ = event.tenant_seq;
}

}  // namespace voicectl::runtime
