// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "base/sqlite.h"

/// A tenant's database as files: made so that it is there whole or not at all, and looked at before
/// SQLite may mend in silence what was lost.
namespace voicectl::runtime {

/// Largest file whose pages are all looked at when it is opened. SQLite reads some hundred MiB/s
/// that way; beyond it only `voicectl tenant check` does.
inline constexpr std::uint64_t kCheckedAtOpening = 64U << 20;

/// Opens the file; makes it if there never was one. Its schema may be an old one.
///
/// ERRORS: kCorrupt, with what to do, if the file is gone or empty, if its pages are unsound, or if
/// its log lacks what was acknowledged (SQLite itself would go on without it). A transaction that
/// was never acknowledged may be missing: that is no damage. Else as SqliteDatabase::open.
Result<SqliteDatabase> open_tenant_file(const std::string& path);

/// Whether the log beside a database has all that it ought to have.
///
/// Every commit reached the disk before the next one began and before the shared memory beside the
/// log said so. So damage is: the shared memory knows of more than the log holds, or a broken place
/// in the log with two whole commits behind it. A broken last commit alone may never have been
/// acknowledged, and is not told from damage.
/// REQUIRES: nobody in this process has the database open: to close a file lets go of the locks
/// that the whole process has on it. Other processes may. ERRORS: kCorrupt.
Status check_log(const std::string& database_path);

/// The same for what is on the disk at `path` as a whole, without changing anything: for a file
/// that is not to be opened. ERRORS: kCorrupt, kNotFound.
Status check_file(const std::string& path);

}  // namespace voicectl::runtime
