// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Recorded state as rows. Both belong into a transaction of the caller's.

/// Tenants, instances and leases; `snapshot` gets them added.
/// ERRORS: kCorrupt for a row that is none of ours.
Status load_records(SqliteDatabase& database, Snapshot& snapshot);

/// Writes what is set in `change`.
Status write_change(SqliteDatabase& database, const RecordedChange& change);

/// API keys likewise, in order of tenant and id.
Status write_api_key(SqliteDatabase& database, const ApiKeyRecord& key);
Result<std::vector<ApiKeyRecord>> read_api_keys(SqliteDatabase& database);

/// Carries out `row`, an INSERT into `table` that returns its number, and drops all but the newest
/// `kept` rows. `table` is a name of the schema, never anything from outside.
Result<std::int64_t> insert_newest(SqliteDatabase& database,
                                   SqliteStatement& row,
                                   std::string_view table,
                                   std::int64_t kept);

/// As SQLite takes a limit.
std::int64_t row_limit(std::size_t limit);

/// Milliseconds since 1970, and back.
std::int64_t to_row(WallTime at);
WallTime wall_time_of(std::int64_t milliseconds);

}  // namespace voicectl
