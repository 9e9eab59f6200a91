// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/sqlite.h"

namespace voicectl::runtime {

/// Rows by table.
using RowCounts = std::map<std::string, std::uint64_t>;
/// Hears how many rows are done.
using OnRows = std::function<void(std::uint64_t rows)>;

/// Makes a new database at `path` with the rows of `from`, brought up to today's schema: no page of
/// the source is taken over, only values, into tables of our own making. `from` is read in one
/// transaction, so a database that somebody writes to is seen at one moment.
///
/// The result is one file, without a log beside it. Fence and answers to requests are left out.
/// ERRORS: kConflict if its schema is newer than this program; kCorrupt if it has anything that its
/// schema does not; kAlreadyExists for rows that exclude each other; those of the disk.
Result<RowCounts> copy_rows(SqliteDatabase& from, const std::string& path, const OnRows& on_rows);

/// What an import under another name changed beside the name.
struct Renaming {
  /// Sessions that lived: their calls are the other tenant's.
  std::uint64_t ended_sessions = 0;
  /// Outbox entries that were pending: the other tenant delivers them.
  std::uint64_t dead_entries = 0;
};

/// Gives all that is tenant `from`'s in the file to tenant `to`: sessions are named anew, those
/// that live are ended, and pending effects become dead ones that an operator may retry.
Result<Renaming> rename_rows(SqliteDatabase& in,
                             const TenantId& from,
                             const TenantId& to,
                             WallTime now);

/// Makes the database one file that can be given away: no log beside it.
Status close_up(SqliteDatabase& database);

}  // namespace voicectl::runtime
