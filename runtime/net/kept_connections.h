// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/os/reactor.h"
#include "runtime/net/connection.h"
#include "runtime/parking/parking_lot.h"

namespace voicectl {

/// Has WebSockets kept against the death of this process: not at once, so that nobody waits for it.
/// One that was just opened is to be served first.
///
/// THREADS: loop thread only.
class KeptConnections {
 public:
  /// OWNS nothing: `reactor` must outlive it.
  explicit KeptConnections(Reactor& reactor) : reactor_(reactor) {}

  /// Where they are kept; null: nowhere. REQUIRES: it outlives this, or null follows before its
  /// end.
  void keep_at(parking::ParkingGate* gate) { gate_ = gate; }
  void add(const std::shared_ptr<Connection>& connection);
  /// All that were added, as far as there is room: the others' turn comes as before.
  void keep_now();

 private:
  void keep_later(Duration wait);
  /// Whether there was room for them.
  bool keep_some();

  Reactor& reactor_;
  parking::ParkingGate* gate_ = nullptr;
  /// Those that are not kept yet.
  std::vector<std::weak_ptr<Connection>> waiting_;
  std::size_t most_waiting_ = 0;
  bool is_due_ = false;
  std::shared_ptr<KeptConnections*> self_ = std::make_shared<KeptConnections*>(this);
};

}  // namespace voicectl
