// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/event_log.h"

#include <fmt/core.h>

#include <utility>

namespace voicectl {
namespace {

constexpr Duration kRetryPause = std::chrono::seconds(5);

/// Whether the registry may take later what it did not take now: a disk that is full gets room. For
/// any other reason it never takes these, and those behind them must not wait for that.
bool can_be_tried_again(const Error& why) {
  return why.code() == ErrorCode::kResourceExhausted || why.code() == ErrorCode::kUnavailable ||
         why.code() == ErrorCode::kTimeout || why.code() == ErrorCode::kPermissionDenied;
}

}  // namespace

EventLog::~EventLog() {
  if (retry_) {
    reactor_.cancel(*retry_);
    log_.error("events.lost", {{"reason", "the daemon ends"}, {"count", waiting_.size()}});
  }
}

void EventLog::add(std::string name, std::string subject, std::string detail) {
  log_.info(name, {{"subject", subject}, {"detail", detail}});
  waiting_.push_back(
      EventRecord{0, wall_.now(), std::move(name), std::move(subject), std::move(detail)});
  if (!retry_) {
    flush();
  }
}

void EventLog::flush() {
  if (is_flushing_ || waiting_.empty()) {
    return;
  }
  is_flushing_ = true;
  auto batch = std::exchange(waiting_, {});
  registry_.run<std::int64_t>([batch](Registry& registry) { return registry.append_events(batch); },
                              [this, batch](const Result<std::int64_t>& last) mutable {
                                is_flushing_ = false;
                                if (last.has_error()) {
                                  not_taken(std::move(batch), last.error());
                                  return;
                                }
                                is_delayed_ = false;
                                tell(std::move(batch), *last);
                                if (const std::size_t lost = std::exchange(lost_, 0); lost > 0) {
                                  add("events.lost", "daemon",
                                      fmt::format(R"({{"count":{}}})", lost));
                                }
                                flush();
                              });
}

void EventLog::tell(std::vector<EventRecord> batch, std::int64_t last) {
  std::int64_t number = last - static_cast<std::int64_t>(batch.size());
  for (EventRecord& event : batch) {
    event.number = ++number;
    // A follower may leave while it is told.
    const auto followers = followers_;
    for (const auto& [id, on_event] : followers) {
      on_event(event);
    }
  }
}

void EventLog::not_taken(std::vector<EventRecord> batch, const Error& why) {
  if (!can_be_tried_again(why)) {
    log_.error("events.lost", {{"error", why}, {"count", batch.size()}});
    lost_ += batch.size();
    flush();
    return;
  }
  if (!std::exchange(is_delayed_, true)) {
    log_.warn("events.delayed", {{"error", why}, {"count", batch.size()}});
  }
  batch.insert(batch.end(), std::make_move_iterator(waiting_.begin()),
               std::make_move_iterator(waiting_.end()));
  waiting_ = std::move(batch);
  if (waiting_.size() > kMostEventsWaiting) {
    const std::size_t excess = waiting_.size() - kMostEventsWaiting;
    log_.error("events.lost", {{"error", why}, {"count", excess}});
    lost_ += excess;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(excess));
  }
  retry_ = reactor_.call_after(kRetryPause, [this] {
    retry_.reset();
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
