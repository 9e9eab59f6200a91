// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/drift_rows.h"

#include "provisioner/registry/recorded_rows.h"

namespace voicectl {
namespace {

Status load_written(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(SqliteStatement row, database.prepare("SELECT path, sha256 FROM written_files"));
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return ok_status();
    }
    snapshot.written.emplace(row.text(0), row.text(1));
  }
}

Status load_adoptions(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(SqliteStatement row, database.prepare("SELECT name, state, who, why, at FROM adoptions"));
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return ok_status();
    }
    snapshot.adoptions.emplace(row.text(0),
                               AcceptedDrift{row.text(0), row.text(1), row.text(2), row.text(3),
                                             wall_time_of(row.integer(4))});
  }
}

Status write_written(SqliteDatabase& database, const RecordedChange& change) {
  for (const auto& [path, digest] : change.put_written) {
    VC_TRY(SqliteStatement row,
           database.prepare(digest.empty() ? "DELETE FROM written_files WHERE path = ?"
                                           : "INSERT OR REPLACE INTO written_files VALUES (?,?)"));
    row.bind(1, path);
    if (!digest.empty()) {
      row.bind(2, digest);
    }
    VC_TRY(row.run());
  }
  return ok_status();
}

Status write_adoptions(SqliteDatabase& database, const RecordedChange& change) {
  for (const AcceptedDrift& adoption : change.put_adoptions) {
    VC_TRY(SqliteStatement row,
           database.prepare("INSERT OR REPLACE INTO adoptions VALUES (?,?,?,?,?)"));
    VC_TRY(row.bind(1, adoption.name)
               .bind(2, adoption.state)
               .bind(3, adoption.who)
               .bind(4, adoption.why)
               .bind(5, to_row(adoption.at))
               .run());
  }
  for (const std::string& name : change.drop_adoptions) {
    VC_TRY(SqliteStatement row, database.prepare("DELETE FROM adoptions WHERE name = ?"));
    VC_TRY(row.bind(1, name).run());
  }
  return ok_status();
}

}  // namespace

Status load_drift_records(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(load_written(database, snapshot));
  return load_adoptions(database, snapshot);
}

Status write_drift_change(SqliteDatabase& database, const RecordedChange& change) {
  VC_TRY(write_written(database, change));
  return write_adoptions(database, change);
}

}  // namespace voicectl
