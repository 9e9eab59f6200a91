// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace voicectl {

/// Monotonic time that stands until it is moved.
class FixedClock final : public Clock {
 public:
  MonoTime now() const override { return now_; }
  void advance(Duration length) { now_ += length; }

 private:
  MonoTime now_{std::chrono::seconds(1000)};
};

/// Calendar time that stands until it is set.
class FixedWallClock final : public WallClock {
 public:
  /// 2026-01-01T00:00:00Z unless told otherwise.
  explicit FixedWallClock(WallTime at = WallTime(std::chrono::milliseconds(1'767'225'600'000)))
      : now_(at) {}
  WallTime now() const override { return now_; }
  void set(WallTime at) { now_ = at; }
  void advance(std::chrono::milliseconds length) { now_ += length; }

 private:
  WallTime now_;
};

}  // namespace voicectl
