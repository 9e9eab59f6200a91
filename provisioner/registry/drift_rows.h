// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// What was written into files, and what was adopted, as rows. Both belong into a transaction of
/// the caller's.
Status load_drift_records(SqliteDatabase& database, Snapshot& snapshot);
Status write_drift_change(SqliteDatabase& database, const RecordedChange& change);

}  // namespace voicectl
