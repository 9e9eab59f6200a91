// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "base/clock.h"

namespace voicectl {

/// What was measured at one moment.
struct LoadPoint {
  MonoTime at;
  double value = 0;
  friend bool operator==(const LoadPoint&, const LoadPoint&) = default;
};

/// How much a window keeps, and how close points must be to speak for the time between them.
struct WindowLimits {
  /// At one point every five seconds this is one hour.
  std::size_t points = 720;
  /// A longer silence breaks a run: nobody knows what happened in it.
  Duration longest_gap = std::chrono::seconds(30);
};

/// The recent past of one measure: the newest points, in order of time.
class LoadWindow {
 public:
  explicit LoadWindow(WindowLimits limits = {}) : limits_(limits) {}

  /// Adds a point and drops the oldest when there are too many. A point that is not newer than the
  /// last is ignored.
  void add(MonoTime at, double value);

  /// Keeps what fits into the new limits.
  void set_limits(const WindowLimits& limits);

  bool empty() const { return points_.empty(); }
  std::size_t size() const { return points_.size(); }
  std::optional<LoadPoint> latest() const;

  /// Over the points from `now - span` to `now`, both ends included; nullopt if there are none.
  /// They look back no further.
  std::optional<double> mean(MonoTime now, Duration span) const;
  std::optional<double> max(MonoTime now, Duration span) const;

  /// For how long, up to `now`, every point has been at or above (at or below) `mark` without a
  /// gap: from the first such point on. Nullopt if the last point is on the other side, or is older
  /// than the longest gap.
  std::optional<Duration> held_at_or_above(double mark, MonoTime now) const;
  std::optional<Duration> held_at_or_below(double mark, MonoTime now) const;
  /// Whether that is at least `span`. Looks back no further.
  bool has_held_at_or_above(double mark, MonoTime now, Duration span) const;
  bool has_held_at_or_below(double mark, MonoTime now, Duration span) const;

 private:
  template <typename Take>
  void for_span(MonoTime now, Duration span, const Take& take) const;
  template <typename OnSide>
  std::optional<Duration> held(MonoTime now, Duration enough, const OnSide& on_side) const;

  WindowLimits limits_;
  std::deque<LoadPoint> points_;
};

}  // namespace voicectl
