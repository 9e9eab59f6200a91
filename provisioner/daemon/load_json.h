// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "provisioner/registry/load_history.h"

namespace voicectl {

/// Steps of a tenant's load that are asked for.
struct LoadQuestion {
  LoadStep step = LoadStep::kTenMinutes;
  WallTime since{};
  WallTime until{};
};

/// `step_s`, `since_ms` and `until_ms` as a query has them, empty for none: the day before `now`,
/// in the finest step that is kept for that long, or for one step less. The first step is whole.
/// ERRORS: kInvalidArgument.
Result<LoadQuestion> load_question(std::string_view step_s,
                                   std::string_view since_ms,
                                   std::string_view until_ms,
                                   WallTime now);

/// What the control API says of it (docs/reference/load-history.schema.json).
Json load_history_json(const TenantId& tenant,
                       const LoadQuestion& question,
                       const std::vector<WatchedStep>& points);

/// The same of an instance or the host (docs/reference/usage-history.schema.json).
Json usage_history_json(const UsageSubject& subject,
                        const LoadQuestion& question,
                        const std::vector<WatchedUsage>& points);

/// {"watched_s","sessions","requests","cpu_most_milli","p99_ms"|null,"memory_bytes"|null} over all
/// of them; null if none was watched.
Json load_summary_json(const std::vector<WatchedStep>& points);

/// {"watched_s":[...],"tenants":{"<slug>":[cpu_milli,...]}}; nobody watched where it is 0.
Json recent_load_json(const RecentLoad& recent);

}  // namespace voicectl
