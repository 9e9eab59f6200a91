// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/kept_connections.h"

#include <utility>

namespace voicectl {
namespace {

/// In one turn: as many as one message has room for.
constexpr std::size_t kKeptAtOnce = kMaxChannelDescriptors;

}  // namespace

void KeptConnections::add(const std::shared_ptr<Connection>& connection) {
  if (gate_ == nullptr) {
    return;
  }
  waiting_.push_back(connection);
  if (waiting_.size() == 1) {
    keep_soon();
  }
}

void KeptConnections::keep_soon() {
  reactor_.post([self = std::weak_ptr(self_)] {
    if (const auto kept = self.lock()) {
      (*kept)->keep_some();
    }
  });
}

void KeptConnections::keep_some() {
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
  if (gate_ != nullptr && !kept.empty()) {
    std::vector<parking::ParkingSpace> spaces = gate_->park(requests);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (spaces[i].is_taken()) {
        kept[i]->keep_at(std::move(spaces[i]));
      }
    }
  }
  if (!waiting_.empty()) {
    keep_soon();
  }
}

}  // namespace voicectl
