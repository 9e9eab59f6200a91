// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "provisioner/migrate/session_migrator.h"
#include "provisioner/model/snapshot.h"

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

/// Counts hand-overs since the daemon began.
class HandOverMetrics {
 public:
  void note(const MoveOutcome& outcome);
  /// WebSockets of a tenant that could not be handed over: they were told to come again.
  void note_dropped(std::uint64_t websockets) { connections_dropped_ += websockets; }

  /// The text form of Prometheus (0.0.4), with how many instances and tenants there are and how an
  /// upgrade stands.
  std::string render(const Snapshot& snapshot) const;

 private:
  std::uint64_t moved_ = 0;
  std::uint64_t stayed_ = 0;
  std::uint64_t lent_ = 0;
  std::uint64_t connections_moved_ = 0;
  std::uint64_t websockets_moved_ = 0;
  std::uint64_t connections_refused_ = 0;
  std::uint64_t connections_dropped_ = 0;
  double longest_pause_ = 0;
  /// From the daemon's first word to its last one, tries included.
  Histogram<10> durations_{{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60}};
  Histogram<9> pauses_{{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1}};
};

}  // namespace voicectl
