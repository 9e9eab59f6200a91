// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace voicectl {

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
