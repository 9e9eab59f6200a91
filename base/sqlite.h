// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace voicectl {

/// One prepared statement, reusable: bind, then step until it is done, then reset.
///
/// Columns count from 0, parameters from 1 (SQLite's own habit).
/// THREADS: the thread of its database.
class SqliteStatement {
 public:
  SqliteStatement(SqliteStatement&&) noexcept = default;
  SqliteStatement& operator=(SqliteStatement&&) noexcept = default;
  ~SqliteStatement() = default;

  SqliteStatement& bind(int parameter, std::string_view text);
  SqliteStatement& bind(int parameter, std::int64_t number);
  SqliteStatement& bind_null(int parameter);
  /// For a column of bytes (BLOB); `text` reads one.
  SqliteStatement& bind_bytes(int parameter, std::string_view bytes);
  /// A column of another statement's row, whatever it holds.
  SqliteStatement& bind(int parameter, const SqliteStatement& row, int column);

  /// True while there is a row to read.
  Result<bool> step();
  /// Runs to the end, ignores rows, and resets. For INSERT, UPDATE, DELETE.
  Status run();
  /// The same, and tells how many rows were changed.
  Result<std::int64_t> run_counted();
  void reset();

  std::string text(int column) const;
  std::int64_t integer(int column) const;
  bool is_null(int column) const;
  int columns() const;
  /// Whether it is a text, a whole number or NULL.
  bool is_plain(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  SqliteStatement(sqlite3* database, sqlite3_stmt* statement);

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One numbered step of a schema. Number n is applied to a database of version n - 1.
struct SqliteMigration {
  int number;
  std::string_view sql;
};

/// A SQLite database opened for durability: WAL and `synchronous=FULL`, so that a commit that was
/// reported survives loss of power, not only a crash (https://www.sqlite.org/pragma.html).
///
/// THREADS: one thread at a time.
class SqliteDatabase {
 public:
  /// Opens or creates `path` (":memory:" for tests), mode 0600.
  /// ERRORS: kCorrupt if the file is not a sound database; kUnavailable if it is locked;
  /// kPermissionDenied; kResourceExhausted if the disk is full.
  static Result<SqliteDatabase> open(const std::string& path);

  enum class Origin {
    kOurs,     ///< others may be writing to it: a transaction sees one state of it
    kForeign,  ///< of unknown make, and nobody writes to it: no trigger, view or function runs
  };
  /// Opens an existing file only to be read. ERRORS: as `open`; kPermissionDenied if there is none.
  static Result<SqliteDatabase> open_to_read(const std::string& path, Origin origin);

  SqliteDatabase(SqliteDatabase&&) noexcept = default;
  SqliteDatabase& operator=(SqliteDatabase&&) noexcept = default;
  ~SqliteDatabase() = default;

  Result<SqliteStatement> prepare(std::string_view sql);
  /// Runs one or more statements without parameters.
  Status run(const std::string& sql);

  /// Runs `body` between BEGIN IMMEDIATE and COMMIT; rolls back if it returns an error.
  Status in_transaction(const std::function<Status()>& body);

  /// Brings the schema to the newest version, each step in its own transaction.
  /// ERRORS: kConflict if the file is newer than this program knows.
  Status migrate(std::span<const SqliteMigration> migrations);
  Result<int> schema_version();

  /// Memory that the connection holds for pages of the file: costs as much as there are files.
  std::uint64_t cached_bytes() const;
  /// For its schema and its statements: costs as much as there are of them.
  std::uint64_t prepared_bytes() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace voicectl
