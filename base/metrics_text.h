// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/latency_histogram.h"

namespace voicectl {

enum class MetricKind { kGauge, kCounter, kHistogram };

/// Bounds of histograms of latency that Prometheus is told, in microseconds.
inline constexpr std::array<std::uint64_t, 10> kLatencyBoundsUs = {
    500, 1'000, 2'500, 5'000, 10'000, 25'000, 100'000, 500'000, 2'500'000, 10'000'000};

/// Latencies since something began, counted by those bounds. A fraction of a LatencyHistogram's
/// memory, for whoever adds those up for ever.
class LatencyTotals {
 public:
  LatencyTotals() = default;
  explicit LatencyTotals(const LatencyHistogram& values) { add(values); }

  void add(const LatencyHistogram& values);

  /// How many were at most as long as each bound.
  const std::array<std::uint64_t, kLatencyBoundsUs.size()>& up_to() const { return up_to_; }
  std::uint64_t count() const { return count_; }
  double sum_seconds() const { return static_cast<double>(sum_us_) / 1e6; }

 private:
  std::array<std::uint64_t, kLatencyBoundsUs.size()> up_to_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_us_ = 0;
};

/// Writes the text form of Prometheus (0.0.4), metric by metric. A metric without a sample leaves
/// no trace.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  /// What is sampled next. `name` and `help` outlive it.
  void begin(std::string_view name, MetricKind kind, std::string_view help);

  void sample(double value) { sample({}, value); }
  /// Values of labels may hold anything.
  void sample(const Labels& labels, double value);
  /// REQUIRES: the metric is a histogram.
  void sample(const Labels& labels, const LatencyTotals& values);

  std::string take() { return std::move(out_); }

 private:
  void tell_head();
  void line(std::string_view suffix, const Labels& labels, double value);

  std::string out_;
  std::string_view name_;
  MetricKind kind_ = MetricKind::kGauge;
  std::string_view help_;
  bool is_head_told_ = false;
};

}  // namespace voicectl
