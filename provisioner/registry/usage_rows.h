// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/load_history.h"

namespace voicectl {

/// What processes and the host used as rows of the steps of load_rows.h. All belong into a
/// transaction of the caller's.

/// To the step of that number, which was there before or is new.
Status add_usage_rows(SqliteDatabase& database,
                      std::int64_t number,
                      const std::vector<UsageRow>& rows);
Result<std::vector<WatchedUsage>> load_watched_usage(SqliteDatabase& database,
                                                     const UsageSubject& subject,
                                                     LoadStep step,
                                                     WallTime from,
                                                     WallTime until);
/// Of the tenant's own instances, which are named after it.
Status forget_usage(SqliteDatabase& database, const TenantId& tenant);
Status drop_usage_rows(SqliteDatabase& database, std::int64_t number);

}  // namespace voicectl
