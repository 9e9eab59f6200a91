// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "monitor/load_window.h"
#include "provisioner/model/monitor_spec.h"

namespace voicectl {

/// What is measured of a tenant.
enum class Measure {
  kSessions,  ///< live sessions
  kCpu,       ///< processor time, MilliCpu
  kP99,       ///< milliseconds within which 99 of 100 requests were answered
  kInFlight,  ///< requests being answered
};
/// "sessions", "cpu", "p99", "in_flight": stable.
std::string_view name_of(Measure measure);
/// "live sessions", "mCPU", ...
std::string_view unit_of(Measure measure);
inline constexpr std::array kMeasures{Measure::kSessions, Measure::kCpu, Measure::kP99,
                                      Measure::kInFlight};

/// The recent past of all of them.
class LoadWindows {
 public:
  explicit LoadWindows(const WindowLimits& limits = {})
      : all_{LoadWindow(limits), LoadWindow(limits), LoadWindow(limits), LoadWindow(limits)} {}

  LoadWindow& operator[](Measure measure) { return all_[static_cast<std::size_t>(measure)]; }
  const LoadWindow& operator[](Measure measure) const {
    return all_[static_cast<std::size_t>(measure)];
  }

  void set_limits(const WindowLimits& limits) {
    for (LoadWindow& window : all_) {
      window.set_limits(limits);
    }
  }

 private:
  std::array<LoadWindow, kMeasures.size()> all_;
};

struct MeasureMarks {
  double high = 0;
  double low = 0;
};
/// Nullopt: the policy does not look at it.
std::optional<MeasureMarks> marks_of(const LoadMarks& marks, Measure measure);
/// The same, but for what was never told: an instance of an older program does not tell everything.
std::optional<MeasureMarks> judged_marks(const LoadMarks& marks,
                                         const LoadWindows& load,
                                         Measure measure);

}  // namespace voicectl
