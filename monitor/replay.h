// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "monitor/promotion_policy.h"
#include "monitor/recording.h"

namespace voicectl {

/// A move back so soon after a move was in vain.
inline constexpr Duration kFlapSpan = std::chrono::hours(1);

/// A tenant from one time to another, since the begin of the recording.
struct ReplaySpan {
  std::uint32_t tenant = 0;
  Duration from{0};
  Duration to{0};
  friend bool operator==(const ReplaySpan&, const ReplaySpan&) = default;
};

struct ReplayMove {
  Duration at{0};
  std::uint32_t tenant = 0;
  PromotionKind kind = PromotionKind::kPromote;
  /// Within kFlapSpan of its move before.
  bool is_flap = false;
  friend bool operator==(const ReplayMove&, const ReplayMove&) = default;
};

/// What one tenant had of it.
struct ReplayTenant {
  TenantId tenant;
  PricePlan plan = PricePlan::kStarter;
  std::uint32_t promotions = 0;
  std::uint32_t demotions = 0;
  std::uint32_t flaps = 0;
  /// At or above a high mark while it was in the pool, with all the others.
  Duration over_mark{0};
  /// Alone in an instance.
  Duration dedicated{0};
};

/// What a policy would have done with a recorded load.
struct ReplayResult {
  Duration interval{0};
  WallTime began;
  Duration length{0};
  std::uint64_t frames = 0;
  /// Values of tenants that were looked at; who did not change is not counted again.
  std::uint64_t samples = 0;
  std::uint64_t promotions = 0;
  std::uint64_t demotions = 0;
  std::uint64_t flaps = 0;
  Duration over_mark{0};
  Duration dedicated{0};
  /// Due for a promotion, and held back by the budget, the pace or whoever moved first.
  Duration held_back{0};
  std::uint32_t most_promoted = 0;
  /// Bytes at the end of the recording that were never finished.
  std::size_t left_over = 0;
  std::vector<ReplayTenant> tenants;
  std::vector<ReplayMove> moves;
  /// In the order of their ends.
  std::vector<ReplaySpan> over_mark_spans;
  std::vector<ReplaySpan> dedicated_spans;

  /// The same for the same recording and policy, on any machine: SHA-256 over all that is above.
  std::string digest() const;
};

/// Lets the code that decides in the daemon decide over a recording, in its time, as if the monitor
/// were `on`.
///
/// What it cannot know, it takes as follows. Load is the tenant's own: it is the same wherever the
/// tenant runs. A move takes until the next sample, and a demotion makes room then. The daemon
/// decides every kSampleInterval and begins one move each time, so between two samples at most as
/// many are begun as it would decide times. What the host had to spare is not recorded, and its
/// reserve holds nobody back. A sample holds until the next one, and a time
/// without any (a gap of more than two intervals) breaks dwells and counts for nothing. Tenants of
/// another tier than auto stay where they are.
/// ERRORS: kInvalidArgument for a policy that makes no sense; those of RecordingReader.
Result<ReplayResult> replay(const PromotionPolicy& policy, RecordingReader recording);

}  // namespace voicectl
