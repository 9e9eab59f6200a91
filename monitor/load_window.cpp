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

void LoadWindow::set_limits(const WindowLimits& limits) {
  limits_ = limits;
  while (points_.size() > limits_.points) {
    points_.pop_front();
  }
}

std::optional<LoadPoint> LoadWindow::latest() const {
  return points_.empty() ? std::nullopt : std::optional(points_.back());
}

template <typename Take>
void LoadWindow::for_span(MonoTime now, Duration span, const Take& take) const {
  for (auto point = points_.rbegin(); point != points_.rend() && point->at >= now - span; ++point) {
    if (point->at <= now) {
      take(point->value);
    }
  }
}

std::optional<double> LoadWindow::mean(MonoTime now, Duration span) const {
  double sum = 0;
  std::size_t count = 0;
  for_span(now, span, [&](double value) {
    sum += value;
    ++count;
  });
  return count == 0 ? std::nullopt : std::optional(sum / static_cast<double>(count));
}

std::optional<double> LoadWindow::max(MonoTime now, Duration span) const {
  std::optional<double> highest;
  for_span(now, span, [&](double value) { highest = std::max(highest.value_or(value), value); });
  return highest;
}

template <typename OnSide>
std::optional<Duration> LoadWindow::held(MonoTime now,
                                         Duration enough,
                                         const OnSide& on_side) const {
  std::optional<MonoTime> since;
  MonoTime later = now;
  for (auto point = points_.rbegin(); point != points_.rend(); ++point) {
    if (!on_side(point->value) || later - point->at > limits_.longest_gap) {
      break;
    }
    since = later = point->at;
    if (now - *since >= enough) {
      break;
    }
  }
  return since ? std::optional(now - *since) : std::nullopt;
}

std::optional<Duration> LoadWindow::held_at_or_above(double mark, MonoTime now) const {
  return held(now, Duration::max(), [mark](double value) { return value >= mark; });
}

std::optional<Duration> LoadWindow::held_at_or_below(double mark, MonoTime now) const {
  return held(now, Duration::max(), [mark](double value) { return value <= mark; });
}

bool LoadWindow::has_held_at_or_above(double mark, MonoTime now, Duration span) const {
  return held(now, span, [mark](double value) { return value >= mark; }) >= span;
}

bool LoadWindow::has_held_at_or_below(double mark, MonoTime now, Duration span) const {
  return held(now, span, [mark](double value) { return value <= mark; }) >= span;
}

}  // namespace voicectl
