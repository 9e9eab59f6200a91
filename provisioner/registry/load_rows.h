// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/load_history.h"

namespace voicectl {

/// The load of tenants as rows; as LoadHistoryStore says. All belong into a transaction of the
/// caller's.

Status add_load_rows(SqliteDatabase& database,
                     WallTime at,
                     std::chrono::milliseconds watched,
                     const std::vector<LoadRow>& rows,
                     const std::vector<UsageRow>& usage);
Result<std::vector<WatchedStep>> load_watched_steps(
    SqliteDatabase& database, const TenantId& tenant, LoadStep step, WallTime from, WallTime until);
Result<RecentLoad> load_recent_load(SqliteDatabase& database, WallTime until, std::size_t count);
Status drop_old_load_rows(SqliteDatabase& database, WallTime now);
/// Everything of those tenants.
Status forget_load(SqliteDatabase& database, const std::vector<TenantId>& tenants);

}  // namespace voicectl
