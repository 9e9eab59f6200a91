// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "base/sqlite.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// A time as the tables keep it: milliseconds since 1970, UTC.
std::int64_t stored_time(WallTime at);
WallTime time_of_stored(std::int64_t number);

/// The entry of a row of the outbox. REQUIRES: it has the table's columns, in their order.
OutboxEntry outbox_entry_of(const SqliteStatement& row);

/// The statements that write batches, prepared once for the life of an open database.
///
/// THREADS: the thread of its database.
class TenantWriters {
 public:
  static Result<TenantWriters> prepare(SqliteDatabase& database);

  /// REQUIRES: a transaction is open.
  Status write(const StoreBatch& batch);

 private:
  struct Statements {
    SqliteStatement session, document, usage, event, record, inbox, outbox, outbox_done, customer,
        response, drop, expire_events, expire_session, expire_inbox;
  };

  explicit TenantWriters(Statements statements) : to_(std::move(statements)) {}

  Status write(const Session& of);
  /// Whether there was a session whose places in the indexes are as they were: only its text is new
  /// then.
  Result<bool> write_document(const Session& of, std::string_view text);
  Status write_usage(const Session& of);
  Status write(const SessionEvent& of);
  Status write(const BusinessRecord& of, const std::string& owner, WallTime at);
  Status write(const InboxEntry& of);
  Status write(const OutboxEntry& of);
  Status write(const Customer& of);
  Status write(const StoredResponse& of);
  Status remove(const Expired& of);

  Statements to_;
};

}  // namespace voicectl::runtime
