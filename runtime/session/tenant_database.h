// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sqlite.h"
#include "base/units.h"
#include "runtime/session/session_store.h"
#include "runtime/session/tenant_writers.h"

namespace voicectl::runtime {

/// The one database file of a tenant: its schema, and what is read from and written to it.
///
/// THREADS: one thread at a time; every call blocks on the disk.
class TenantDatabase {
 public:
  /// Opens or creates the file, brings its schema up to date, and takes it over with `token`.
  /// ERRORS: kFenced if a holder with a higher token has been there; else as SqliteDatabase.
  static Result<TenantDatabase> open(const std::string& path, FencingToken token);

  Result<StoreContents> load(WallTime now);

  /// Writes all batches in one transaction, hence with one flush to the disk.
  /// ERRORS: kFenced if the file was taken over since; else as SqliteDatabase.
  Status write(std::span<const StoreBatch* const> batches);

  /// Lets the holder of `next` in; every later write here is kFenced.
  Status release(FencingToken next);

  Result<SessionPage> list_sessions(const SessionQuery& query);
  Result<std::optional<Session>> find_session(const std::string& id);
  Result<std::optional<Session>> find_session_by_call(const std::string& call_id);
  Result<std::vector<SessionEvent>> read_session_events(const std::string& id,
                                                        std::uint64_t after,
                                                        std::uint32_t limit);
  Result<std::vector<SessionEvent>> read_tenant_events(std::uint64_t after, std::uint32_t limit);
  Result<std::vector<OutboxEntry>> list_outbox(const OutboxQuery& query);
  Result<std::optional<OutboxEntry>> find_outbox(std::uint64_t id);
  Result<std::vector<KeptRecord>> list_records(const RecordQuery& query);
  Result<std::optional<KeptRecord>> find_record(const std::string& id);
  Result<std::optional<Customer>> find_customer(const std::string& phone);
  Result<UsageTotal> read_usage(WallTime within);
  Result<Analytics> read_analytics(WallTime from, WallTime to);
  Result<Expired> find_expired(const ExpiryQuery& query);

  /// Memory that it holds: cached pages, schema and statements. Cheap.
  std::uint64_t memory() const { return prepared_bytes_ + database_.cached_bytes(); }

 private:
  TenantDatabase(SqliteDatabase database, FencingToken token, TenantWriters writers)
      : database_(std::move(database)),
        token_(token),
        writers_(std::move(writers)),
        prepared_bytes_(database_.prepared_bytes()) {}

  Status take_over();
  Status check_fence();
  Result<std::vector<StoredResponse>> load_responses(WallTime now);
  Result<std::vector<Booking>> load_bookings(WallTime now);
  Result<std::uint64_t> count(const std::string& sql, std::int64_t argument);
  Result<std::uint64_t> expired_events(const ExpiryQuery& query);
  Result<std::vector<ExpiredSession>> expired_sessions(const ExpiryQuery& query,
                                                       std::uint64_t events_through);
  Result<std::vector<Session>> read_sessions(SqliteStatement& statement);
  Result<std::vector<SessionEvent>> read_events(SqliteStatement& statement);

  SqliteDatabase database_;
  FencingToken token_;
  TenantWriters writers_;
  /// They stay as they are.
  std::uint64_t prepared_bytes_;
};

}  // namespace voicectl::runtime
