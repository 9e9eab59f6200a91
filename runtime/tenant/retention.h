// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"
#include "runtime/tenant/config.h"

namespace voicectl::runtime {

/// Takes away what has outlived the tenant's `retention`, a small batch at a time, so that nobody
/// waits longer for the store than for one more commit.
///
/// THREADS: loop thread only.
class Retention {
 public:
  /// Between two looks for what is too old: a day's worth is a hundred small pieces.
  static constexpr Duration kInterval = std::chrono::minutes(15);
  /// Between two batches, so that a long backlog leaves the store to those who wait for it.
  static constexpr Duration kPause = std::chrono::milliseconds(200);
  static constexpr std::uint32_t kBatch = 200;
  static_assert(kPause * 1000 < kInterval);

  struct Deps {
    Reactor& reactor;
    const WallClock& clock;
    SessionStore& store;
    SessionBook& book;
    /// As configured at present.
    std::function<RetentionPeriods()> periods;
  };

  /// REQUIRES: what `deps` refers to outlives it.
  explicit Retention(Deps deps);
  ~Retention();
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

 private:
  void look();
  void take_away(const Result<Expired>& found);
  void look_after(Duration wait);

  Deps deps_;
  TimerId timer_{};
  /// Dies with this, so that an answer that comes later is dropped.
  std::shared_ptr<Retention*> self_;
};

}  // namespace voicectl::runtime
