// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace voicectl {

/// A measured value that others plan with: it holds still until what is measured is another by a
/// quarter, and by more than a little. So a plan that was shown is the same one a minute later,
/// unless something has changed that matters.
class SteadyValue {
 public:
  explicit SteadyValue(double little) : little_(little) {}

  void update(double measured) {
    if (!held_ || std::abs(measured - *held_) > std::max(little_, *held_ / 4)) {
      held_ = measured;
    }
  }
  /// Nullopt before the first.
  std::optional<double> held() const { return held_; }

 private:
  double little_;
  std::optional<double> held_;
};

}  // namespace voicectl
