// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "provisioner/plan/effect_forecast.h"
#include "provisioner/registry/forecasts.h"

namespace voicectl {

/// How many cases of a kind count: the newest. Few, so that a slower disk or another program shows
/// soon; enough, so that one of ten may be odd.
inline constexpr std::size_t kKeptTimes = 64;

/// How long actions took on this host, by kind. A value: a forecast is made from a copy.
class ActionTimes {
 public:
  ActionTimes() = default;
  /// `measured` as ForecastStore::read_action_times gives it, newest first.
  explicit ActionTimes(const std::vector<TimedAction>& measured);

  void note(std::string_view kind, const ActionTime& time);

  /// The assumption about actions of that kind while none was measured, with no samples.
  Estimate of(std::string_view kind) const;
  /// How long a tenant's connections stand still while it moves.
  Estimate pause() const;

 private:
  using Series = std::deque<Duration>;
  std::map<std::string, Series, std::less<>> by_kind_;
  Series pauses_;
};

}  // namespace voicectl
