// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <ostream>
#include <string>

#include "base/clock.h"
#include "cli/console.h"
#include "cli/move_progress.h"
#include "provisioner/api/control_protocol.h"

namespace voicectl {

/// Up to so many steps each is told in a line of its own.
inline constexpr std::size_t kStepsToldOneByOne = 60;
/// Of more, so many failures are; the rest is counted.
inline constexpr std::size_t kFailuresTold = 20;

/// Shows how far an apply is, so that it reads well for one tenant and for a thousand.
///
/// Of a small plan each step that ended has a line. Of a large one failures and what is not as it
/// should be have theirs, and the rest is counted: at a terminal in one line that changes,
/// elsewhere in a line for each tenth of the way. In the end there is a count for each kind.
class StepDisplay {
 public:
  /// REQUIRES: all outlive it.
  StepDisplay(Console& console, std::ostream& to, const Palette& palette, const WallClock& clock);

  void started(std::size_t steps);
  void hear(const api::StepProgress& step);
  /// The counts of a large plan; empty for a small one.
  std::string counts() const;
  void clear();

 private:
  struct Count {
    std::size_t done = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
  };
  bool is_large() const { return steps_ > kStepsToldOneByOne; }
  void count(const api::StepProgress& step);
  void tell(const api::StepProgress& step);
  bool is_worth_a_line(const api::StepProgress& step);
  void show_how_far();
  std::string how_far() const;
  std::string pace() const;

  Console& console_;
  std::ostream& to_;
  const Palette& palette_;
  const WallClock& clock_;
  MoveDisplay moves_;
  std::size_t steps_ = 0;
  WallTime begun_{};
  std::optional<WallTime> shown_at_;
  std::size_t shown_tenth_ = 0;
  std::map<std::string, Count> kinds_;
  Count all_;
  std::size_t failures_ = 0;
  std::string batch_;
  bool is_line_open_ = false;
};

}  // namespace voicectl
