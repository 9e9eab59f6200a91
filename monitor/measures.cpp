// SPDX-License-Identifier: Apache-2.0
#include "monitor/measures.h"

namespace voicectl {
namespace {

std::optional<MeasureMarks> extra_marks(const std::optional<ExtraMarks>& extra) {
  return extra ? std::optional(MeasureMarks{static_cast<double>(extra->high),
                                            static_cast<double>(extra->low)})
               : std::nullopt;
}

}  // namespace

std::string_view name_of(Measure measure) {
  switch (measure) {
    case Measure::kSessions:
      return "sessions";
    case Measure::kCpu:
      return "cpu";
    case Measure::kP99:
      return "p99";
    case Measure::kInFlight:
      break;
  }
  return "in_flight";
}

std::string_view unit_of(Measure measure) {
  switch (measure) {
    case Measure::kSessions:
      return "live sessions";
    case Measure::kCpu:
      return "mCPU";
    case Measure::kP99:
      return "ms for the slowest of 100 requests";
    case Measure::kInFlight:
      break;
  }
  return "requests at a time";
}

std::optional<MeasureMarks> marks_of(const LoadMarks& marks, Measure measure) {
  switch (measure) {
    case Measure::kSessions:
      return MeasureMarks{static_cast<double>(marks.high_sessions),
                          static_cast<double>(marks.low_sessions)};
    case Measure::kCpu:
      return MeasureMarks{static_cast<double>(marks.high_cpu.count),
                          static_cast<double>(marks.low_cpu.count)};
    case Measure::kP99:
      return extra_marks(marks.p99_ms);
    case Measure::kInFlight:
      break;
  }
  return extra_marks(marks.in_flight);
}

std::optional<MeasureMarks> judged_marks(const LoadMarks& marks,
                                         const LoadWindows& load,
                                         Measure measure) {
  const bool is_always_told = measure == Measure::kSessions || measure == Measure::kCpu;
  return is_always_told || !load[measure].empty() ? marks_of(marks, measure) : std::nullopt;
}

}  // namespace voicectl
