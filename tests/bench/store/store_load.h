// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/os/asio_reactor.h"
#include "runtime/session/session_store.h"
#include "tests/bench/load/histogram.h"

namespace voicectl::bench {

struct StoreFigures {
  std::uint64_t batches = 0;
  std::uint64_t failures = 0;
  Duration length{0};
  Histogram latency;
};

/// Keeps a number of batches waiting at a store: each is what a tool call writes (a session, two
/// events, an order, an outbox entry and its predecessor's removal, an answer).
///
/// THREADS: loop thread only.
class StoreLoad {
 public:
  /// REQUIRES: `store` is open and `sessions` > 0.
  StoreLoad(AsioReactor& reactor,
            runtime::SessionStore& store,
            WallTime now,
            std::size_t in_flight,
            std::size_t sessions);

  /// Runs for `length`; `done` runs when the last batch has come back.
  void run(Duration length, std::function<void()> done);
  const StoreFigures& figures() const { return figures_; }

 private:
  void send();
  runtime::StoreBatch next_batch();

  AsioReactor& reactor_;
  runtime::SessionStore& store_;
  WallTime now_;
  std::size_t in_flight_;
  std::vector<runtime::Session> sessions_;
  std::uint64_t number_ = 0;
  std::size_t waiting_ = 0;
  MonoTime begin_;
  MonoTime end_;
  std::function<void()> done_;
  StoreFigures figures_;
};

}  // namespace voicectl::bench
