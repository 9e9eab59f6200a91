// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace voicectl {

/// How long an action took.
struct ActionTime {
  /// From its intent until its effect was there.
  std::chrono::microseconds took{0};
  /// Of one that moved a tenant with its connections: how long none of them was served.
  std::optional<std::chrono::microseconds> pause{};
  friend bool operator==(const ActionTime&, const ActionTime&) = default;
};

/// The time of one action of a kind, such as "start_instance".
struct TimedAction {
  std::string kind;
  ActionTime time;
  friend bool operator==(const TimedAction&, const TimedAction&) = default;
};

/// What was expected of a plan beside what came of it. Numbers only: nothing in it names a tenant,
/// so nothing has to be erased with one.
struct ForecastRecord {
  /// Given by the registry, ascending.
  std::int64_t number = 0;
  /// When the plan had been carried out.
  WallTime at{};
  std::string plan_id{};
  /// The newest revision then; 0 for none.
  std::int64_t revision = 0;
  /// Whether every step succeeded: only then the two can be compared.
  bool is_complete = false;
  /// JSON objects of numbers by the name of what they count. What could not be counted afterwards
  /// is missing in the second.
  std::string forecast = "{}";
  std::string outcome = "{}";
  friend bool operator==(const ForecastRecord&, const ForecastRecord&) = default;
};

/// How many are kept: the newest.
inline constexpr std::int64_t kKeptForecasts = 500;

/// Keeps forecasts with their outcomes, and knows from the journal how long actions took.
///
/// Part of Registry; its rules hold.
class ForecastStore {
 public:
  virtual ~ForecastStore() = default;

  /// `record` with its outcome; returns the number that it got.
  virtual Result<std::int64_t> append_forecast(const ForecastRecord& record) = 0;

  /// Replaces the outcome of number `number`; nothing happens if that is not kept any more.
  virtual Status amend_forecast(std::int64_t number, const std::string& outcome) = 0;

  /// Those before number `before`, newest first, at most `limit`.
  virtual Result<std::vector<ForecastRecord>> read_forecasts(std::int64_t before,
                                                             std::size_t limit) = 0;

  /// The newest `limit` actions of the journal that succeeded and whose time is known, newest
  /// first.
  virtual Result<std::vector<TimedAction>> read_action_times(std::size_t limit) = 0;
};

}  // namespace voicectl
