// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/audit_rows.h"

#include <limits>

#include "provisioner/registry/recorded_rows.h"

namespace voicectl {
namespace {

constexpr std::int64_t kAnyTime = std::numeric_limits<std::int64_t>::max();

AuditRecord record_in(const SqliteStatement& row) {
  return AuditRecord{.number = row.integer(0),
                     .at = wall_time_of(row.integer(1)),
                     .uid = static_cast<std::uint32_t>(row.integer(2)),
                     .pid = static_cast<std::int32_t>(row.integer(10)),
                     .from = row.text(3),
                     .who = row.text(4),
                     .what = row.text(5),
                     .subject = row.text(6),
                     .detail = row.text(7),
                     .result = row.is_null(8) ? "" : row.text(8),
                     .message = row.is_null(9) ? "" : row.text(9)};
}

}  // namespace

Result<std::int64_t> insert_audit(SqliteDatabase& database, const AuditRecord& record) {
  VC_TRY(SqliteStatement row,
         database.prepare("INSERT INTO audit (at, uid, sender, who, what, subject, detail, pid) "
                          "VALUES (?,?,?,?,?,?,?,?) RETURNING number"));
  row.bind(1, to_row(record.at))
      .bind(2, static_cast<std::int64_t>(record.uid))
      .bind(3, record.from)
      .bind(4, record.who)
      .bind(5, record.what)
      .bind(6, record.subject)
      .bind(7, record.detail)
      .bind(8, static_cast<std::int64_t>(record.pid));
  return insert_newest(database, row, "audit", kKeptAuditRecords);
}

Status close_audit_row(SqliteDatabase& database,
                       std::int64_t number,
                       const std::string& result,
                       const std::string& message) {
  VC_TRY(SqliteStatement row,
         database.prepare("UPDATE audit SET result = ?, message = ? WHERE number = ?"));
  return row.bind(1, result).bind(2, message).bind(3, number).run();
}

Result<std::vector<AuditRecord>> load_audit(SqliteDatabase& database, const AuditFilter& filter) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT number, at, uid, sender, who, what, subject, detail, result, "
                          "message, pid FROM audit WHERE number < ?1 AND at >= ?2 AND at <= ?3 AND "
                          "(?4 = '' OR subject = ?4) ORDER BY number DESC LIMIT ?5"));
  row.bind(1, filter.before)
      .bind(2, filter.since ? to_row(*filter.since) : 0)
      .bind(3, filter.until ? to_row(*filter.until) : kAnyTime)
      .bind(4, filter.subject)
      .bind(5, row_limit(filter.limit));
  std::vector<AuditRecord> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(record_in(row));
  }
}

}  // namespace voicectl
