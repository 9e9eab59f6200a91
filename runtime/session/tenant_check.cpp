// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/tenant_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/session/session.h"
#include "runtime/session/tenant_schema.h"
#include "runtime/session/tenant_writers.h"

namespace voicectl::runtime {
namespace {

/// Problems of one kind that are listed.
constexpr std::size_t kMostOfAKind = 5;

/// A question whose every row is a problem, and how the problem reads with the row's first column.
struct Rule {
  std::string_view sql;
  std::string_view problem;
};

constexpr Rule kRules[] = {
    {"SELECT \"table\" FROM pragma_foreign_key_check", "a row of table '{}' refers to nothing"},
    {"SELECT session FROM sessions WHERE session NOT IN (SELECT session FROM usage)",
     "session '{}' has no usage"},
    {"SELECT s.session FROM sessions s JOIN usage u ON u.session = s.session "
     "WHERE u.status <> s.status OR u.created_at <> s.created_at",
     "the usage of session '{}' is of another status or time"},
    {"SELECT MAX(id) FROM outbox HAVING MAX(id) > "
     "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)",
     "outbox entry {} has a number that was never given"},
    {"SELECT id FROM outbox WHERE state NOT IN ('pending', 'dead') OR NOT json_valid(payload)",
     "outbox entry {} is not of our form"},
    {"SELECT COUNT(*) FROM events HAVING COUNT(*) <> MAX(tenant_seq) - MIN(tenant_seq) + 1",
     "the numbers of the {} events have gaps"},
    {"SELECT session FROM events GROUP BY session HAVING COUNT(*) <> MAX(seq) - MIN(seq) + 1",
     "the numbers of the events of session '{}' have gaps"},
    {"SELECT tenant_seq FROM events WHERE NOT json_valid(data)", "event {} is not of our form"},
    {"SELECT id FROM records WHERE kind NOT IN ('order', 'appointment', 'ticket') "
     "OR NOT json_valid(data) OR (start_at IS NULL) <> (end_at IS NULL)",
     "record '{}' is not of our form"},
    {"SELECT phone FROM customers WHERE NOT json_valid(data)", "customer '{}' is not of our form"},
};

std::string text_with(std::string_view problem, const std::string& name) {
  const std::size_t at = problem.find("{}");
  return std::string(problem.substr(0, at)) + name + std::string(problem.substr(at + 2));
}

/// Every row's first column, at most `limit`.
Result<std::vector<std::string>> first_column(SqliteDatabase& database,
                                              const std::string& sql,
                                              std::size_t limit) {
  VC_TRY(SqliteStatement statement, database.prepare(sql));
  std::vector<std::string> out;
  while (out.size() < limit) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      break;
    }
    out.push_back(statement.text(0));
  }
  return out;
}

/// What is wrong with one session's row; nullopt if nothing is.
std::optional<std::string> problem_of(const SqliteStatement& row, const TenantId& tenant) {
  const Result<Session> session = session_of_stored_text(row.text(4));
  if (session.has_error()) {
    return "its document is not of our form";
  }
  if (session->tenant != tenant || !belongs_to(session->session, tenant)) {
    return "it is another tenant's";
  }
  const bool is_same = session->session.str() == row.text(0) &&
                       name_of(session->status) == row.text(1) &&
                       stored_time(session->created_at) == row.integer(2) &&
                       session->ultravox_call_id == row.text(3);
  if (!is_same) {
    return "its document says something else than its row";
  }
  const bool counts =
      row.is_null(5) || session->last_seq == static_cast<std::uint64_t>(row.integer(5));
  return counts ? std::nullopt : std::optional<std::string>("its events count to another number");
}

Status check_sessions(SqliteDatabase& database, const TenantId& tenant, TenantFindings& found) {
  VC_TRY(SqliteStatement rows,
         database.prepare("SELECT session, status, created_at, call_id, document, (SELECT MAX(seq) "
                          "FROM events WHERE events.session = sessions.session) FROM sessions"));
  std::size_t listed = 0;
  while (listed < kMostOfAKind) {
    VC_TRY(const bool row, rows.step());
    if (!row) {
      break;
    }
    if (const auto problem = problem_of(rows, tenant)) {
      found.problems.push_back(fmt::format("session '{}': {}", rows.text(0), *problem));
      ++listed;
    }
  }
  return ok_status();
}

Result<std::vector<std::string>> schema_of(SqliteDatabase& database) {
  return first_column(database,
                      "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || COALESCE(sql, '') "
                      "FROM sqlite_schema ORDER BY type, name",
                      100);
}

Status count_rows(SqliteDatabase& database, TenantFindings& found) {
  for (const std::string& table : tables_of_schema(found.schema)) {
    VC_TRY(SqliteStatement count, database.prepare("SELECT COUNT(*) FROM " + table));
    VC_TRY(const bool row, count.step());
    found.rows[table] = row ? static_cast<std::uint64_t>(count.integer(0)) : 0;
  }
  return ok_status();
}

Status check_rows(SqliteDatabase& database, TenantFindings& found) {
  for (const Rule& rule : kRules) {
    VC_TRY(const std::vector<std::string> names,
           first_column(database, std::string(rule.sql), kMostOfAKind));
    for (const std::string& name : names) {
      found.problems.push_back(text_with(rule.problem, name));
    }
  }
  return ok_status();
}

}  // namespace

std::vector<std::string> tables_of_schema(int schema) {
  if (schema < 2) {
    return {"sessions", "events", "orders", "appointments", "tickets", "inbox"};
  }
  return {"sessions", "events", "records", "outbox", "customers", "usage", "inbox"};
}

Result<SqliteDatabase> empty_database(int schema) {
  const auto steps = tenant_schema();
  if (schema < 1 || static_cast<std::size_t>(schema) > steps.size()) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot use a database of schema {}: this program knows 1 to {}; "
                             "install the version that wrote it",
                             schema, steps.size()));
  }
  VC_TRY(SqliteDatabase database, SqliteDatabase::open(":memory:"));
  VC_TRY(database.migrate(steps.first(static_cast<std::size_t>(schema))));
  return database;
}

Status check_schema(SqliteDatabase& database, int schema) {
  VC_TRY(SqliteDatabase reference, empty_database(schema));
  VC_TRY(const std::vector<std::string> wanted, schema_of(reference));
  VC_TRY(const std::vector<std::string> found, schema_of(database));
  for (const std::string& part : found) {
    if (std::find(wanted.begin(), wanted.end(), part) == wanted.end()) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("cannot use the database: schema {} has no {}", schema,
                               part.substr(0, part.find(' ', part.find(' ') + 1))));
    }
  }
  if (found.size() != wanted.size()) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot use the database: it has {} of the {} tables and indexes of "
                             "schema {}",
                             found.size(), wanted.size(), schema));
  }
  return ok_status();
}

Result<TenantFindings> check_tenant_database(SqliteDatabase& database,
                                             const TenantId& tenant,
                                             FenceRow fence) {
  TenantFindings found;
  VC_TRY(found.schema, database.schema_version());
  const auto newest = static_cast<int>(tenant_schema().size());
  if (found.schema > newest) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot use a database of schema {}: this program knows up to {}; "
                             "install the newer version",
                             found.schema, newest));
  }
  VC_TRY(const std::vector<std::string> pages,
         first_column(database, "PRAGMA integrity_check(5)", kMostOfAKind));
  if (pages != std::vector<std::string>{"ok"}) {
    found.problems = pages;
    return found;
  }
  if (const Status same = check_schema(database, found.schema); same.has_error()) {
    found.problems.push_back(same.error().text());
    return found;
  }
  VC_TRY(count_rows(database, found));
  VC_TRY(const std::vector<std::string> marks, first_column(database, "SELECT one FROM fence", 2));
  if (marks.size() != (fence == FenceRow::kOne ? 1U : 0U)) {
    found.problems.push_back(fmt::format("it has {} marks of a holder", marks.size()));
  }
  // What an older schema lacks, its migration makes.
  if (found.schema == newest) {
    VC_TRY(check_rows(database, found));
    VC_TRY(check_sessions(database, tenant, found));
  }
  return found;
}

}  // namespace voicectl::runtime
