// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/sqlite.h"

namespace voicectl::runtime {

/// What a tenant's database has, and what is wrong with it.
struct TenantFindings {
  int schema = 0;
  /// Rows by table.
  std::map<std::string, std::uint64_t> rows;
  /// For people; empty if it is sound. At most some of each kind.
  std::vector<std::string> problems;
};

/// Whether a holder's mark must be there: an archive has none.
enum class FenceRow { kOne, kNone };

/// Looks at everything: pages, indexes, schema, the rows of each table against one another, and
/// every document. Reads only, and may be asked beside the holder of the file, in a transaction.
/// ERRORS: kConflict if the file is newer than this program; kCorrupt if it cannot even be read.
Result<TenantFindings> check_tenant_database(SqliteDatabase& database,
                                             const TenantId& tenant,
                                             FenceRow fence);

/// The tables whose rows are a tenant's data, as a file of that schema has them: all but the fence,
/// which is about who holds it, and the answers to requests, which name secrets and are of no use
/// ten minutes later.
std::vector<std::string> tables_of_schema(int schema);

/// An empty database of that schema, in memory. ERRORS: kConflict if there is no such schema.
Result<SqliteDatabase> empty_database(int schema);

/// Whether the file has exactly the tables and indexes of its schema: a trigger, a view or a table
/// more is refused. ERRORS: kCorrupt.
Status check_schema(SqliteDatabase& database, int schema);

}  // namespace voicectl::runtime
