// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace voicectl {

inline constexpr std::uint32_t kMostTenantsInABatch = 100'000;
/// Nobody watches longer than a day.
inline constexpr std::chrono::seconds kLongestRolloutPause{24 * 3600};

/// How an apply takes its tenants: all side by side, or some first and the rest in batches.
struct RolloutSpec {
  /// These go first, together, and none of them may fail.
  std::vector<TenantId> canary{};
  /// So many tenants go together after them; absent: all the rest.
  std::optional<std::uint32_t> batch{};
  /// How long the tenants of a batch are watched before the next one goes.
  std::chrono::seconds pause{0};
  /// One more failed tenant than this, and no further one begins. Absent: none may fail where there
  /// is a canary or a batch, else any number.
  std::optional<std::uint32_t> max_failures{};

  /// Everything goes at once, and whatever fails stops nothing else.
  bool is_plain() const { return canary.empty() && !batch && !max_failures; }
  std::size_t failures_allowed() const { return max_failures.value_or(0); }
  friend bool operator==(const RolloutSpec&, const RolloutSpec&) = default;
};

/// {"canary":[slug,...],"batch":n|null,"pause_s":n,"max_failures":n|null}.
Json rollout_json(const RolloutSpec& spec);

/// `standard` with what the object says otherwise: each key that is there counts.
/// ERRORS: kInvalidArgument.
Result<RolloutSpec> parse_rollout(const Json& object, RolloutSpec standard = {});

}  // namespace voicectl
