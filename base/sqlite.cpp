// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite.h"

#include <fmt/core.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/check.h"

namespace voicectl {
namespace {

/// Longest value, and longest text of a schema, that is read from a file of unknown make.
constexpr int kMostForeignBytes = 64 << 20;
constexpr int kMostForeignSql = 100'000;

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kUnavailable;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return ErrorCode::kResourceExhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return ErrorCode::kPermissionDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kAlreadyExists;
    default:
      return ErrorCode::kInternal;
  }
}

/// A fresh connection meets a full disk as an I/O error (its shared memory cannot grow); what it
/// was says only errno.
ErrorCode code_of(sqlite3* database) {
  const int code = sqlite3_errcode(database);
  if ((code & 0xff) != SQLITE_IOERR) {
    return code_of(code);
  }
  switch (sqlite3_system_errno(database)) {
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kResourceExhausted;
    case EROFS:
      return ErrorCode::kPermissionDenied;
    default:
      return ErrorCode::kInternal;
  }
}

/// A connection would take room for twenty pages when it is opened (85 KiB), used or not; a process
/// with a database for each of its tenants has hundreds of them, most of them idle.
void take_pages_as_needed() {
  [[maybe_unused]] static const int done = sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
}

Error error_of(sqlite3* database, std::string_view doing) {
  return Error(code_of(database), fmt::format("cannot {}: {}", doing, sqlite3_errmsg(database)));
}

std::uint64_t status_of(sqlite3* database, int what) {
  int now = 0;
  int most = 0;
  return sqlite3_db_status(database, what, &now, &most, 0) == SQLITE_OK && now > 0
             ? static_cast<std::uint64_t>(now)
             : 0;
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement::SqliteStatement(sqlite3* database, sqlite3_stmt* statement)
    : database_(database), statement_(statement) {}

SqliteStatement& SqliteStatement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL, and an empty view may hold one.
  const char* const bytes = text.data() == nullptr ? "" : text.data();
  VC_CHECK(sqlite3_bind_text64(statement_.get(), parameter, bytes, text.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8) == SQLITE_OK,
           "parameters are within the statement");
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t number) {
  VC_CHECK(sqlite3_bind_int64(statement_.get(), parameter, number) == SQLITE_OK,
           "parameters are within the statement");
  return *this;
}

SqliteStatement& SqliteStatement::bind_null(int parameter) {
  VC_CHECK(sqlite3_bind_null(statement_.get(), parameter) == SQLITE_OK,
           "parameters are within the statement");
  return *this;
}

SqliteStatement& SqliteStatement::bind_bytes(int parameter, std::string_view bytes) {
  const char* const begin = bytes.data() == nullptr ? "" : bytes.data();
  VC_CHECK(sqlite3_bind_blob64(statement_.get(), parameter, begin, bytes.size(),
                               SQLITE_TRANSIENT) == SQLITE_OK,
           "parameters are within the statement");
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, const SqliteStatement& row, int column) {
  VC_CHECK(sqlite3_bind_value(statement_.get(), parameter,
                              sqlite3_column_value(row.statement_.get(), column)) == SQLITE_OK,
           "parameters are within the statement");
  return *this;
}

bool SqliteStatement::is_plain(int column) const {
  const int type = sqlite3_column_type(statement_.get(), column);
  return type == SQLITE_TEXT || type == SQLITE_INTEGER || type == SQLITE_NULL;
}

int SqliteStatement::columns() const {
  return sqlite3_column_count(statement_.get());
}

Result<bool> SqliteStatement::step() {
  const int outcome = sqlite3_step(statement_.get());
  if (outcome == SQLITE_ROW) {
    return true;
  }
  if (outcome == SQLITE_DONE) {
    return false;
  }
  const Error error = error_of(database_, "run a statement");
  reset();
  return error;
}

Status SqliteStatement::run() {
  while (true) {
    VC_TRY(const bool more, step());
    if (!more) {
      reset();
      return ok_status();
    }
  }
}

Result<std::int64_t> SqliteStatement::run_counted() {
  VC_TRY(run());
  return sqlite3_changes64(database_);
}

void SqliteStatement::reset() {
  // The code repeats what the last step already reported.
  (void)sqlite3_reset(statement_.get());
  (void)sqlite3_clear_bindings(statement_.get());
}

std::string SqliteStatement::text(int column) const {
  const auto* const bytes =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int length = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(length));
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void SqliteDatabase::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path) {
  take_pages_as_needed();
  sqlite3* raw = nullptr;
  const int outcome =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase database(raw);
  if (outcome != SQLITE_OK) {
    return error_of(raw, fmt::format("open database '{}'", path));
  }
  // The files beside it (-wal, -shm) take their mode from the main file.
  if (path != ":memory:" && ::chmod(path.c_str(), 0600) != 0) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot restrict the mode of database '{}'", path));
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
  const Status prepared = database.run(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
      "PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON;");
  if (prepared.has_error()) {
    return prepared.error().with_context(fmt::format("opening database '{}'", path));
  }
  return database;
}

Result<SqliteDatabase> SqliteDatabase::open_to_read(const std::string& path, Origin origin) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool is_special = c == '%' || c == '?' || c == '#';
    uri += is_special ? fmt::format("%{:02x}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  // Immutable: files that somebody put beside it are not looked at.
  uri += origin == Origin::kForeign ? "?mode=ro&immutable=1" : "?mode=ro";
  take_pages_as_needed();
  sqlite3* raw = nullptr;
  const int outcome = sqlite3_open_v2(
      uri.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase database(raw);
  if (outcome != SQLITE_OK) {
    return error_of(raw, fmt::format("open database '{}'", path));
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
  if (origin == Origin::kForeign) {
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, kMostForeignBytes);
    sqlite3_limit(raw, SQLITE_LIMIT_SQL_LENGTH, kMostForeignSql);
    sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
  }
  const Status prepared = database.run(
      "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; "
      "PRAGMA mmap_size=0;");
  if (prepared.has_error()) {
    return prepared.error().with_context(fmt::format("opening database '{}'", path));
  }
  return database;
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return error_of(database_.get(), fmt::format("prepare '{}'", sql.substr(0, 80)));
  }
  return SqliteStatement(database_.get(), statement);
}

Status SqliteDatabase::run(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return error_of(database_.get(), fmt::format("run '{}'", sql.substr(0, 80)));
  }
  return ok_status();
}

Status SqliteDatabase::in_transaction(const std::function<Status()>& body) {
  VC_TRY(run("BEGIN IMMEDIATE"));
  Status outcome = body();
  if (outcome.has_value()) {
    outcome = run("COMMIT");
  }
  if (outcome.has_error() && sqlite3_get_autocommit(database_.get()) == 0) {
    // The body's error is the one to tell; a failed rollback leaves nothing committed either.
    (void)run("ROLLBACK");
  }
  return outcome;
}

Result<int> SqliteDatabase::schema_version() {
  VC_TRY(SqliteStatement statement, prepare("PRAGMA user_version"));
  VC_TRY(const bool row, statement.step());
  return row ? static_cast<int>(statement.integer(0)) : 0;
}

std::uint64_t SqliteDatabase::cached_bytes() const {
  return status_of(database_.get(), SQLITE_DBSTATUS_CACHE_USED);
}

std::uint64_t SqliteDatabase::prepared_bytes() const {
  return status_of(database_.get(), SQLITE_DBSTATUS_SCHEMA_USED) +
         status_of(database_.get(), SQLITE_DBSTATUS_STMT_USED);
}

Status SqliteDatabase::migrate(std::span<const SqliteMigration> migrations) {
  const int newest = migrations.empty() ? 0 : migrations.back().number;
  const auto known_schema = [this, newest]() -> Result<int> {
    VC_TRY(const int schema, schema_version());
    if (schema > newest) {
      return Error(ErrorCode::kConflict,
                   fmt::format("cannot use a database of schema {}: this program knows up to {}; "
                               "install the newer version",
                               schema, newest));
    }
    return schema;
  };
  VC_TRY(const int found, known_schema());
  for (const SqliteMigration& step : migrations) {
    if (step.number <= found) {
      continue;
    }
    VC_TRY(in_transaction([&]() -> Status {
      // Another may have taken the step while this one waited for its turn, and newer ones.
      VC_TRY(const int present, known_schema());
      if (step.number <= present) {
        return ok_status();
      }
      VC_TRY(run(std::string(step.sql)));
      return run(fmt::format("PRAGMA user_version={}", step.number));
    }));
  }
  return ok_status();
}

}  // namespace voicectl
