// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/sqlite.h"
#include "runtime/archive/tenant_rows.h"
#include "runtime/redis/redis_client.h"

/// A tenant's data on a Redis server, taken out, put in, counted and removed as a whole by a
/// program that does nothing else meanwhile: every call blocks.
///
/// ERRORS of all: those of RedisClient; kConflict if the data are another tenant's of that name.
namespace voicectl::runtime {

/// Where a tenant's keys are, and whose they have to be.
struct RedisPlace {
  RedisOptions redis;
  TenantId tenant;
  /// What the key `owner` must say, if there is one; empty: not told.
  std::string owner;
};

/// Writes a new database at `path` with all that the tenant has on the server at one moment, while
/// its instance goes on. Read in pages as long as nobody writes; a tenant that is never quiet is
/// read in one transaction, for which the server stands still. ERRORS: kNotFound if the tenant has
/// no keys; kResourceExhausted if it is too busy for the one way and too large for the other.
Result<RowCounts> dump_redis(const RedisPlace& place,
                             const std::string& path,
                             const OnRows& on_rows);

/// Puts the rows of a database there. REQUIRES: it was checked, and nobody serves the tenant.
/// ERRORS: kAlreadyExists if the server has keys of that name. After a failure `purge_redis` takes
/// back what was written.
Status restore_redis(const RedisPlace& place, SqliteDatabase& rows, const OnRows& on_rows);

/// Gives the keys of a deleted tenant other names, so that its name is free and nothing is lost:
/// `purge_redis` with the same place finds them. Data of another owner, and none, are left alone.
/// Repeatable. REQUIRES: nobody serves the tenant, and `place.owner` is told.
Status set_aside_redis(const RedisPlace& place);

/// Removes every key of the tenant, whatever it is, also where it was set aside; returns how many
/// there were. Data of a later tenant of the name are left alone.
Result<std::uint64_t> purge_redis(const RedisPlace& place);

struct RedisFindings {
  RowCounts rows;
  std::vector<std::string> problems;
};
/// Compares each list with what it lists, and the types of keys with ours.
Result<RedisFindings> check_redis(const RedisPlace& place);

}  // namespace voicectl::runtime
