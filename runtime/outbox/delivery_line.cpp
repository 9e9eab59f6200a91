// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/delivery_line.h"

#include <algorithm>

#include "base/backoff.h"
#include "runtime/outbox/retry_schedule.h"

namespace voicectl::runtime {

void DeliveryLine::join(Kind kind, Place place) {
  (kind == Kind::kFirstAttempt ? first_attempts_ : backlog_).insert(place);
}

void DeliveryLine::leave(Place place) {
  first_attempts_.erase(place);
  backlog_.erase(place);
}

bool DeliveryLine::backlog_may_go() const {
  if (backlog_.empty()) {
    return false;
  }
  const std::uint32_t kept = std::min(policy_.for_first_attempts, policy_.in_flight - 1);
  const std::uint32_t most = std::max(1U, std::min(limit_, policy_.in_flight - kept));
  // Of those who wait the backlog is served too, however busy the line: one place is its own.
  const bool own_place = backlog_in_flight_ == 0 && first_in_flight_ > 0;
  return backlog_in_flight_ < most && (first_attempts_.empty() || own_place);
}

std::optional<DeliveryLine::Turn> DeliveryLine::take_next(MonoTime now) {
  if (is_paused(now) || in_flight() >= limit_) {
    return std::nullopt;
  }
  const bool backlog = backlog_may_go();
  std::set<Place>& from = backlog ? backlog_ : first_attempts_;
  if (from.empty()) {
    return std::nullopt;
  }
  const Place place = *from.begin();
  from.erase(from.begin());
  ++(backlog ? backlog_in_flight_ : first_in_flight_);
  return Turn{place, backlog ? Kind::kBacklog : Kind::kFirstAttempt};
}

std::optional<DeliveryLine::Place> DeliveryLine::take_paused(MonoTime now) {
  std::set<Place>& from = first_attempts_.empty() ? backlog_ : first_attempts_;
  if (!is_paused(now) || from.empty()) {
    return std::nullopt;
  }
  const Place place = *from.begin();
  from.erase(from.begin());
  return place;
}

void DeliveryLine::over(Kind kind) {
  --(kind == Kind::kBacklog ? backlog_in_flight_ : first_in_flight_);
}

void DeliveryLine::reached(Kind kind) {
  over(kind);
  failures_ = 0;
  limit_ = std::min(limit_ * 2, policy_.in_flight);
}

void DeliveryLine::not_reached(Kind kind,
                               MonoTime now,
                               std::optional<Duration> retry_after,
                               Random& random) {
  over(kind);
  limit_ = 1;
  const BackoffPolicy pause{policy_.first_pause, policy_.longest_pause, 0.5};
  const Duration asked = std::min(retry_after.value_or(Duration(0)), kLongestRetryAfter);
  // Those that were under way together fail together, and count as one failure.
  if (!is_paused(now)) {
    ++failures_;
  }
  paused_until_ = std::max(paused_until_, now + std::max(asked, backoff(pause, failures_, random)));
}

void DeliveryLine::rest(MonoTime now, Duration length) {
  paused_until_ = std::max(paused_until_, now + std::min(length, kLongestRetryAfter));
}

}  // namespace voicectl::runtime
