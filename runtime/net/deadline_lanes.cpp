// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/deadline_lanes.h"

#include <algorithm>
#include <limits>

namespace voicectl {
namespace {

constexpr Duration kLongestTick = std::chrono::seconds(1);
constexpr Duration kShortestTick = std::chrono::milliseconds(1);

std::size_t index_of(Lane lane) {
  return static_cast<std::size_t>(lane);
}

}  // namespace

DeadlineLanes::DeadlineLanes(Reactor& reactor, const Lengths& lengths)
    : reactor_(reactor),
      lengths_(lengths),
      tick_(std::clamp(
          *std::min_element(lengths.begin(), lengths.end()) / 4, kShortestTick, kLongestTick)) {}

DeadlineLanes::~DeadlineLanes() {
  if (timer_) {
    reactor_.cancel(*timer_);
  }
}

void DeadlineLanes::arm(DeadlineEntry& entry, Lane lane) {
  disarm(entry);
  entry.deadline_ = reactor_.now() + lengths_[index_of(lane)];
  entry.lane_ = lane;
  lanes_[index_of(lane)].push_back(entry);
  schedule();
}

void DeadlineLanes::arm_until(DeadlineEntry& entry, Lane lane, MonoTime deadline) {
  disarm(entry);
  entry.deadline_ = std::min(deadline, reactor_.now() + lengths_[index_of(lane)]);
  entry.lane_ = lane;
  List& list = lanes_[index_of(lane)];
  const bool is_known =
      place_.is_linked() && place_.lane_ == lane && place_.deadline_ == entry.deadline_;
  auto at = is_known ? list.iterator_to(place_) : list.end();
  while (at != list.begin() && entry.deadline_ < std::prev(at)->deadline_) {
    --at;
  }
  list.insert(at, entry);
  schedule();
}

void DeadlineLanes::keep_place_of(DeadlineEntry& entry) {
  disarm(place_);
  if (entry.is_linked()) {
    place_.deadline_ = entry.deadline_;
    place_.lane_ = entry.lane_;
    List& list = lanes_[index_of(entry.lane_)];
    list.insert(list.iterator_to(entry), place_);
  }
}

std::optional<MonoTime> DeadlineLanes::deadline_of(const DeadlineEntry& entry) {
  return entry.is_linked() ? std::optional(entry.deadline_) : std::nullopt;
}

void DeadlineLanes::disarm(DeadlineEntry& entry) {
  if (entry.is_linked()) {
    entry.unlink();
  }
}

void DeadlineLanes::expire(Lane lane, std::size_t count, Duration waited) {
  List& list = lanes_[index_of(lane)];
  const MonoTime latest = reactor_.now() - waited + lengths_[index_of(lane)];
  for (std::size_t i = 0; i < count && !list.empty() && list.front().deadline_ <= latest; ++i) {
    DeadlineEntry& entry = list.front();
    list.pop_front();
    entry.on_deadline(lane);
  }
}

void DeadlineLanes::resume() {
  is_paused_ = false;
  if (!is_empty()) {
    schedule();
  }
}

void DeadlineLanes::each(const std::function<void(DeadlineEntry& entry)>& visit) {
  for (List& list : lanes_) {
    std::for_each(list.begin(), list.end(), visit);
  }
}

bool DeadlineLanes::is_empty() const {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const List& list) { return list.empty(); });
}

void DeadlineLanes::schedule() {
  if (!timer_ && !is_paused_) {
    timer_ = reactor_.call_after(tick_, [this] { sweep(); });
  }
}

void DeadlineLanes::sweep() {
  timer_.reset();
  for (std::size_t lane = 0; !is_paused_ && lane < kLanes; ++lane) {
    expire(static_cast<Lane>(lane), std::numeric_limits<std::size_t>::max(), lengths_[lane]);
  }
  if (!is_empty()) {
    schedule();
  }
}

}  // namespace voicectl
