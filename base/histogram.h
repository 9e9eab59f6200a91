// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace voicectl {

/// Seconds for which a tenant stands still while it is handed over: as it should be, and far
/// beyond.
inline constexpr std::array kPauseBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025,
                                         0.05,   0.1,   0.25,   0.5,   1.0,  5.0};

/// A histogram of Prometheus: how many values are at most as large as each bound.
template <std::size_t N>
class Histogram {
 public:
  explicit constexpr Histogram(const std::array<double, N>& bounds) : bounds_(bounds) {}

  void add(double value) {
    for (std::size_t i = 0; i < N; ++i) {
      counts_[i] += value <= bounds_[i] ? 1 : 0;
    }
    ++count_;
    sum_ += value;
  }
  const std::array<double, N>& bounds() const { return bounds_; }
  const std::array<std::uint64_t, N>& counts() const { return counts_; }
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::array<double, N> bounds_;
  std::array<std::uint64_t, N> counts_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

/// Appends it as the text form of Prometheus has it (0.0.4), without its head.
template <std::size_t N>
void append_histogram(std::string& out, std::string_view name, const Histogram<N>& values) {
  for (std::size_t i = 0; i < N; ++i) {
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, values.bounds()[i], values.counts()[i]);
  }
  out += fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name,
                     values.count(), values.sum());
}

}  // namespace voicectl
