// SPDX-License-Identifier: Apache-2.0
#include "monitor/load_window.h"

#include <algorithm>

namespace voicectl {

void LoadWindow::add(MonoTime at, double value) {
  if (!points_.empty() && at <= points_.back().at) {
    return;
  }
  points_.push_back({at, value});
  if (points_.size() > limits_.points) {
    points_.pop_front();
  }
}

std::optional<LoadPoint> LoadWindow::latest() const {
  return points_.empty() ? std::nullopt : std::optional(points_.back());
}

std::optional<double> LoadWindow::mean(MonoTime now, Duration span) const {
  double sum = 0;
  std::size_t count = 0;
  for (const LoadPoint& point : points_) {
    if (point.at >= now - span && point.at <= now) {
      sum += point.value;
      ++count;
    }
  }
  return count == 0 ? std::nullopt : std::optional(sum / static_cast<double>(count));
}

std::optional<double> LoadWindow::max(MonoTime now, Duration span) const {
  std::optional<double> highest;
  for (const LoadPoint& point : points_) {
    if (point.at >= now - span && point.at <= now) {
      highest = std::max(highest.value_or(point.value), point.value);
    }
  }
  return highest;
}

template <typename OnSide>
std::optional<Duration> LoadWindow::held(MonoTime now, const OnSide& on_side) const {
  std::optional<MonoTime> since;
  MonoTime later = now;
  for (auto point = points_.rbegin(); point != points_.rend(); ++point) {
    if (!on_side(point->value) || later - point->at > limits_.longest_gap) {
      break;
    }
    since = later = point->at;
  }
  return since ? std::optional(now - *since) : std::nullopt;
}

std::optional<Duration> LoadWindow::held_at_or_above(double mark, MonoTime now) const {
  return held(now, [mark](double value) { return value >= mark; });
}

std::optional<Duration> LoadWindow::held_at_or_below(double mark, MonoTime now) const {
  return held(now, [mark](double value) { return value <= mark; });
}

}  // namespace voicectl
