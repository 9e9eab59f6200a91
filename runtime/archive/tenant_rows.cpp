// SPDX-License-Identifier: Apache-2.0
#include "runtime/archive/tenant_rows.h"

#include <fmt/core.h>

#include <vector>

#include "runtime/session/session.h"
#include "runtime/session/tenant_check.h"
#include "runtime/session/tenant_schema.h"
#include "runtime/session/tenant_writers.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kOtherTenants = "imported from another tenant, which delivers it";

Result<std::uint64_t> copy_table(SqliteDatabase& from,
                                 SqliteDatabase& to,
                                 const std::string& table) {
  VC_TRY(SqliteStatement rows, from.prepare("SELECT * FROM " + table));
  std::string places = "?";
  for (int i = 1; i < rows.columns(); ++i) {
    places += ", ?";
  }
  VC_TRY(SqliteStatement insert,
         to.prepare(fmt::format("INSERT INTO {} VALUES ({})", table, places)));
  std::uint64_t count = 0;
  while (true) {
    VC_TRY(const bool row, rows.step());
    if (!row) {
      return count;
    }
    for (int i = 0; i < rows.columns(); ++i) {
      if (!rows.is_plain(i)) {
        return Error(ErrorCode::kCorrupt,
                     fmt::format("cannot copy the rows of '{}': one holds a value that is neither "
                                 "a text nor a whole number",
                                 table));
      }
      insert.bind(i + 1, rows, i);
    }
    VC_TRY(insert.run());
    ++count;
  }
}

/// The number that the next outbox entry gets must not be one that was given.
Status copy_outbox_number(SqliteDatabase& from, SqliteDatabase& to) {
  VC_TRY(SqliteStatement last,
         from.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"));
  VC_TRY(const bool row, last.step());
  if (!row) {
    return ok_status();
  }
  VC_TRY(to.run("DELETE FROM sqlite_sequence WHERE name = 'outbox'"));
  VC_TRY(SqliteStatement set, to.prepare("INSERT INTO sqlite_sequence VALUES ('outbox', ?)"));
  return set.bind(1, last.integer(0)).run();
}

Status copy_tables(SqliteDatabase& from,
                   SqliteDatabase& to,
                   int schema,
                   const OnRows& on_rows,
                   RowCounts& counts) {
  std::uint64_t done = 0;
  for (const std::string& table : tables_of_schema(schema)) {
    VC_TRY(const std::uint64_t count, copy_table(from, to, table));
    counts[table] = count;
    done += count;
    on_rows(done);
  }
  return schema >= 2 ? copy_outbox_number(from, to) : ok_status();
}

Result<RowCounts> copy_snapshot(SqliteDatabase& from,
                                const std::string& path,
                                const OnRows& on_rows) {
  VC_TRY(const int schema, from.schema_version());
  VC_TRY(check_schema(from, schema));
  VC_TRY(SqliteDatabase to, SqliteDatabase::open(path));
  VC_TRY(to.migrate(tenant_schema().first(static_cast<std::size_t>(schema))));
  RowCounts counts;
  VC_TRY(to.in_transaction(
      [&]() -> Status { return copy_tables(from, to, schema, on_rows, counts); }));
  VC_TRY(to.migrate(tenant_schema()));
  VC_TRY(close_up(to));
  return counts;
}

std::string with_name(const std::string& session, const TenantId& from, const TenantId& to) {
  return to.str() + session.substr(from.str().size());
}

Result<std::vector<std::string>> names_of(SqliteDatabase& in, const std::string& table) {
  VC_TRY(SqliteStatement rows, in.prepare("SELECT session FROM " + table));
  std::vector<std::string> names;
  while (true) {
    VC_TRY(const bool row, rows.step());
    if (!row) {
      return names;
    }
    names.push_back(rows.text(0));
  }
}

Result<Session> load_session(SqliteDatabase& in, const std::string& name) {
  VC_TRY(SqliteStatement row, in.prepare("SELECT document FROM sessions WHERE session = ?"));
  row.bind(1, name);
  VC_TRY(const bool found, row.step());
  return session_of_stored_text(found ? row.text(0) : "");
}

/// Sessions and their usage, written anew under their new names.
Status rename_sessions(
    SqliteDatabase& in, const TenantId& from, const TenantId& to, WallTime now, Renaming& outcome) {
  VC_TRY(TenantWriters writers, TenantWriters::prepare(in));
  VC_TRY(SqliteStatement forget, in.prepare("DELETE FROM sessions WHERE session = ?"));
  VC_TRY(SqliteStatement forget_usage, in.prepare("DELETE FROM usage WHERE session = ?"));
  VC_TRY(const std::vector<std::string> names, names_of(in, "sessions"));
  for (const std::string& name : names) {
    VC_TRY(Session session, load_session(in, name));
    VC_TRY(session.session, SessionId::parse(with_name(name, from, to)));
    session.tenant = to;
    if (is_live(session.status)) {
      session.status = SessionStatus::kFailed;
      session.end_time = now;
      session.end_reason = "imported";
      ++outcome.ended_sessions;
    }
    VC_TRY(forget.bind(1, name).run());
    VC_TRY(forget_usage.bind(1, name).run());
    StoreBatch batch;
    batch.at = now;
    batch.sessions.push_back(std::move(session));
    VC_TRY(writers.write(batch));
  }
  return ok_status();
}

/// Tables that name a session in a column, and in texts of their own.
Status rename_references(SqliteDatabase& in, const TenantId& from, const TenantId& to) {
  const std::string renamed =
      fmt::format("'{}' || substr(session, {})", to.str(), from.str().size() + 1);
  const std::string of_tenant =
      fmt::format(" WHERE substr(session, 1, {}) = '{}_'", from.str().size() + 1, from.str());
  for (const auto& [table, text] : {std::pair("events", "data"), std::pair("records", "data"),
                                    std::pair("outbox", "payload")}) {
    VC_TRY(in.run(fmt::format("UPDATE {0} SET session = {2}, {1} = replace({1}, session, {2}){3}",
                              table, text, renamed, of_tenant)));
  }
  return in.run(fmt::format("UPDATE usage SET session = {}{}", renamed, of_tenant));
}

Status bury_pending(SqliteDatabase& in, Renaming& outcome) {
  VC_TRY(SqliteStatement count, in.prepare("SELECT COUNT(*) FROM outbox WHERE state = 'pending'"));
  VC_TRY(const bool row, count.step());
  outcome.dead_entries = row ? static_cast<std::uint64_t>(count.integer(0)) : 0;
  return in.run(
      fmt::format("UPDATE outbox SET state = 'dead', last_error = '{}' WHERE state = 'pending'",
                  kOtherTenants));
}

}  // namespace

Result<RowCounts> copy_rows(SqliteDatabase& from, const std::string& path, const OnRows& on_rows) {
  VC_TRY(from.run("BEGIN"));
  Result<RowCounts> copied = copy_snapshot(from, path, on_rows);
  const Status ended = from.run("COMMIT");
  return copied.has_value() && ended.has_error() ? Result<RowCounts>(ended.error())
                                                 : std::move(copied);
}

Result<Renaming> rename_rows(SqliteDatabase& in,
                             const TenantId& from,
                             const TenantId& to,
                             WallTime now) {
  Renaming outcome;
  VC_TRY(in.in_transaction([&]() -> Status {
    VC_TRY(rename_sessions(in, from, to, now, outcome));
    VC_TRY(rename_references(in, from, to));
    return bury_pending(in, outcome);
  }));
  return outcome;
}

Status close_up(SqliteDatabase& database) {
  return database.run("PRAGMA journal_mode=DELETE");
}

}  // namespace voicectl::runtime
