// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/event_log.h"

#include <utility>

namespace voicectl {

void EventLog::add(std::string name, std::string subject, std::string detail) {
  log_.info(name, {{"subject", subject}, {"detail", detail}});
  waiting_.push_back(
      EventRecord{0, wall_.now(), std::move(name), std::move(subject), std::move(detail)});
  flush();
}

void EventLog::flush() {
  if (is_flushing_ || waiting_.empty()) {
    return;
  }
  is_flushing_ = true;
  auto batch = std::exchange(waiting_, {});
  registry_.run<std::int64_t>(
      [batch](Registry& registry) { return registry.append_events(batch); },
      [this, batch](const Result<std::int64_t>& last) mutable {
        is_flushing_ = false;
        if (last.has_error()) {
          log_.error("events.lost", {{"error", last.error()}, {"count", batch.size()}});
          return;
        }
        std::int64_t number = *last - static_cast<std::int64_t>(batch.size());
        for (EventRecord& event : batch) {
          event.number = ++number;
          // A follower may leave while it is told.
          const auto followers = followers_;
          for (const auto& [id, on_event] : followers) {
            on_event(event);
          }
        }
        flush();
      });
}

FollowerId EventLog::follow(std::function<void(const EventRecord&)> on_event) {
  const auto id = static_cast<FollowerId>(next_follower_++);
  followers_.emplace(id, std::move(on_event));
  return id;
}

void EventLog::unfollow(FollowerId follower) {
  followers_.erase(follower);
}

}  // namespace voicectl
