// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/totals.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

namespace voicectl {

void Totals::add(const Played& played) {
  ++stories_;
  ops_ += played.ops;
  calls_ += played.calls;
  daemons_ += played.daemons;
  hand_overs_ += played.hand_overs;
  promotions_ += played.promotions;
  acknowledged_ += played.acknowledged;
  for (const auto& [deed, count] : played.faults) {
    faults_[deed] += count;
  }
  forecasts_ += played.forecasts;
  wrong_forecasts_ += played.wrong_forecasts.size();
  for (const WrongForecast& wrong : played.wrong_forecasts) {
    for (const std::string& quantity : wrong.quantities) {
      ++wrong_quantities_[quantity];
    }
  }
  time_ratios_.insert(time_ratios_.end(), played.time_ratios.begin(), played.time_ratios.end());
  simulated_ += played.simulated;
}

std::string Totals::fault_text() const {
  std::size_t all = 0;
  std::string kinds;
  for (const auto& [deed, count] : faults_) {
    all += count;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", name_of(deed), count);
  }
  return fmt::format("faults: {}{}{}\n", all, all > 0 ? ": " : "", kinds);
}

std::string Totals::forecast_text() const {
  if (forecasts_ == 0) {
    return "plans carried out whole: none\n";
  }
  std::string wrong;
  for (const auto& [quantity, count] : wrong_quantities_) {
    wrong += fmt::format("{}{} {}", wrong.empty() ? ": " : ", ", quantity, count);
  }
  std::vector<double> sorted = time_ratios_;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](std::size_t percent) {
    return sorted.empty() ? 0 : sorted[(sorted.size() - 1) * percent / 100];
  };
  return fmt::format(
      "plans carried out whole: {}; counted otherwise than forecast: {}{}\n"
      "time taken by time forecast: median {:.2f}, 10th of 100 {:.2f}, 90th {:.2f}\n",
      forecasts_, wrong_forecasts_, wrong, at(50), at(10), at(90));
}

std::string Totals::str(std::size_t failures) const {
  const std::string verdict =
      failures == 0 ? "all laws hold" : fmt::format("{} stories broke a law", failures);
  return fmt::format(
             "{}: {} stories\n"
             "steps: {} operations, {} calls into the world; {} daemons, {} hand-overs, {} "
             "promotions by the monitor\n"
             "callers: {} events of sessions acknowledged\n"
             "simulated hours: {:.1f}\n",
             verdict, stories_, ops_, calls_, daemons_, hand_overs_, promotions_, acknowledged_,
             std::chrono::duration<double, std::ratio<3600>>(simulated_).count()) +
         fault_text() + forecast_text();
}

}  // namespace voicectl
