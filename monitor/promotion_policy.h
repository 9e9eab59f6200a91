// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "monitor/host_room.h"
#include "monitor/measures.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// How often load is sampled.
inline constexpr Duration kSampleInterval = std::chrono::seconds(5);

static_assert(2 * kSampleInterval <= PromotionPolicy{}.enterprise.high_dwell,
              "one lost sample must not decide a promotion");

enum class PromotionKind { kPromote, kDemote };
std::string_view name_of(PromotionKind kind);

/// Which rule decided about a tenant; its name is stable.
enum class PromotionRule {
  kModeOff,       ///< nothing is decided
  kTier,          ///< its tier says where it runs
  kWished,        ///< it is decided already, and not yet carried out
  kCooldown,      ///< it moved a short while ago
  kUnseen,        ///< no recent sample
  kBetweenMarks,  ///< neither busy nor quiet enough to change anything
  kDwell,         ///< busy or quiet, and not for long enough
  kBusy,          ///< busy for long enough: promoted
  kQuiet,         ///< quiet for long enough: demoted
  kBudget,        ///< it would be promoted, and as many as may be are
  kReserve,       ///< it would be promoted, and the host's rest is kept for the pool
  kPace,          ///< it would be moved, and as many as may be were within a minute
  kRetry,         ///< it would be moved, and could not be a short while ago
};
std::string_view name_of(PromotionRule rule);

/// One measure of a tenant against its marks.
struct MeasureView {
  std::string_view name;  ///< "sessions", "cpu", "p99", "in_flight"
  std::string_view unit;  ///< "live sessions", "mCPU", ...
  /// The last sample; absent without any.
  std::optional<double> value;
  double high = 0;
  double low = 0;
  /// For how long every sample has been at or above `high`, at or below `low`.
  std::optional<Duration> busy_for;
  std::optional<Duration> quiet_for;
};

/// All that a decision about one tenant depends on.
struct TenantSituation {
  TenantId tenant;
  Tier tier = Tier::kAuto;
  PricePlan plan = PricePlan::kStarter;
  /// Kind of the instance that serves it.
  InstanceKind placement = InstanceKind::kShared;
  /// The monitor wishes it alone in an instance, as recorded.
  bool is_wished = false;
  /// When it last moved, if that was seen.
  std::optional<MonoTime> placed_at;
  const LoadWindows& load;
};

/// What is decided about one tenant.
struct PromotionVerdict {
  /// Absent: it stays where it is.
  std::optional<PromotionKind> kind;
  PromotionRule rule = PromotionRule::kBetweenMarks;
};

/// Looks at one tenant alone. Pure: the same values give the same verdict. Nothing is decided about
/// tenants whose tier says where they run. Allocates nothing, and looks back no further than the
/// dwell.
PromotionVerdict judge_tenant(const PromotionPolicy& policy,
                              const TenantSituation& situation,
                              MonoTime now);

/// How busy a tenant is: the greatest part of a high mark that a measure makes. Who is busier is
/// promoted first.
double pressure_of(const PromotionPolicy& policy, const TenantSituation& situation);

/// What is decided about one tenant, and why.
struct PromotionDecision {
  TenantId tenant;
  /// Absent: it stays where it is.
  std::optional<PromotionKind> kind;
  PromotionRule rule = PromotionRule::kBetweenMarks;
  /// The numbers that decided: "25 live sessions, at or above the high mark of 20 for 1m05s (dwell
  /// 1m00s)".
  std::string reason;
  /// What would have had to be different for another decision, one sentence each.
  std::vector<std::string> otherwise;
  std::vector<MeasureView> measures;
  /// See pressure_of.
  double pressure = 0;
  PricePlan plan = PricePlan::kStarter;
};

/// What judge_tenant says, with the reasons.
PromotionDecision decide_promotion(const PromotionPolicy& policy,
                                   const TenantSituation& situation,
                                   MonoTime now);

/// What else is going on on the host.
struct HostSituation {
  /// Tenants that have, or are to have, an instance because the monitor wishes it or did so until
  /// now: one that is demoted counts until it has left.
  std::size_t promoted = 0;
  /// Moves that the monitor began within the last minute.
  std::size_t recent_moves = 0;
  HostRoom room{};
  /// Memory that a process costs.
  Bytes process{};
};

/// A verdict that would move a tenant.
struct MoveCandidate {
  PromotionKind kind = PromotionKind::kPromote;
  PricePlan plan = PricePlan::kStarter;
  double pressure = 0;
  std::string_view tenant;
};

/// Whether `a` moves before `b`. Demotions come first, they make room: the cheaper plan and then
/// the quieter tenant before the others. Then promotions: the dearer plan and then the busier
/// tenant. Ties by name.
bool goes_before(const MoveCandidate& a, const MoveCandidate& b);

/// What becomes of a candidate, and how many were promoted and moved, and what the host had left,
/// when it was its turn.
struct MoveAdmission {
  /// kBudget, kReserve or kPace; absent: it moves.
  std::optional<PromotionRule> held_by;
  std::size_t promoted = 0;
  std::size_t moves = 0;
  HostRoom room{};
};

/// One for each candidate, in the order of goes_before. The room that a demotion makes counts when
/// it is done, and not when it is decided: it may be refused, or fail.
std::vector<MoveAdmission> admit_moves(const PromotionPolicy& policy,
                                       const HostSituation& host,
                                       const std::vector<MoveCandidate>& candidates);

/// REQUIRES: the decision is to move; it outlives what is returned.
MoveCandidate candidate_of(const PromotionDecision& decision);

/// Takes back those of the decisions that admit_moves holds back; they say so then.
void keep_within_limits(const PromotionPolicy& policy,
                        const HostSituation& host,
                        std::vector<PromotionDecision>& decisions);

}  // namespace voicectl
