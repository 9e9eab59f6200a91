// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/provisioner/workload/workload.h"

namespace voicectl {

/// What many stories came to.
class Totals {
 public:
  void add(const Played& played);
  std::uint64_t stories() const { return stories_; }
  /// Some lines for people; `failures`: stories that broke a law.
  std::string str(std::size_t failures) const;

 private:
  std::string fault_text() const;
  std::string forecast_text() const;

  std::uint64_t stories_ = 0;
  std::size_t ops_ = 0;
  std::size_t calls_ = 0;
  std::size_t daemons_ = 0;
  std::size_t hand_overs_ = 0;
  std::size_t promotions_ = 0;
  std::size_t acknowledged_ = 0;
  std::map<Deed, std::size_t> faults_;
  std::size_t forecasts_ = 0;
  std::size_t wrong_forecasts_ = 0;
  std::map<std::string, std::size_t> wrong_quantities_;
  std::vector<double> time_ratios_;
  Duration simulated_{0};
};

}  // namespace voicectl
