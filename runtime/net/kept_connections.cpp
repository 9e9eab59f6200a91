// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/kept_connections.h"

#include <algorithm>
#include <utility>

namespace voicectl {
namespace {

/// In one turn: as many as one message has room for.
constexpr std::size_t kKeptAtOnce = kMaxChannelDescriptors;

/// Until whoever keeps them has read some of what waits there.
constexpr Duration kFullWait = std::chrono::milliseconds(5);

/// From so many on those that have ended are sorted out.
constexpr std::size_t kManyWaiting = 1024;

}  // namespace

void KeptConnections::add(const std::shared_ptr<Connection>& connection) {
  if (gate_ == nullptr) {
    return;
  }
  if (waiting_.size() >= most_waiting_) {
    std::erase_if(waiting_, [](const auto& one) { return one.expired(); });
    most_waiting_ = std::max(kManyWaiting, 2 * waiting_.size());
  }
  waiting_.push_back(connection);
  keep_later(Duration::zero());
}

void KeptConnections::keep_later(Duration wait) {
  if (std::exchange(is_due_, true)) {
    return;
  }
  const auto keep = [self = std::weak_ptr(self_)] {
    if (const auto kept = self.lock()) {
      (*kept)->is_due_ = false;
      (*kept)->keep_some();
    }
  };
  if (wait == Duration::zero()) {
    reactor_.post(keep);
  } else {
    reactor_.call_after(wait, keep);
  }
}

void KeptConnections::keep_now() {
  while (!waiting_.empty() && keep_some()) {
  }
}

bool KeptConnections::keep_some() {
  std::vector<std::shared_ptr<Connection>> kept;
  std::vector<parking::ParkingGate::Request> requests;
  while (!waiting_.empty() && kept.size() < kKeptAtOnce) {
    const auto connection = waiting_.back().lock();
    waiting_.pop_back();
    const auto request = connection ? connection->to_keep() : std::nullopt;
    if (request) {
      kept.push_back(connection);
      requests.push_back(*request);
    }
  }
  parking::ParkingGate::Parked parked;
  if (gate_ != nullptr && !kept.empty()) {
    parked = gate_->park(requests);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (parked.spaces[i].is_taken()) {
        kept[i]->keep_at(std::move(parked.spaces[i]));
      } else if (parked.is_full) {
        waiting_.push_back(kept[i]);
      }
    }
  }
  if (!waiting_.empty()) {
    keep_later(parked.is_full ? kFullWait : Duration::zero());
  }
  return !parked.is_full;
}

}  // namespace voicectl
