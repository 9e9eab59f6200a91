// SPDX-License-Identifier: Apache-2.0
// The half of TenantDatabase that reads what is kept beside sessions and events.
#include "runtime/session/tenant_database.h"

namespace voicectl::runtime {
namespace {

/// Usage as it is now: what a live session has come to stands in the session, and goes into its
/// usage when it ends.
constexpr std::string_view kUsageNow =
    "(SELECT u.created_at, u.status, u.duration, u.billed_duration, "
    "COALESCE(json_extract(s.document, '$.business_outcome'), u.outcome) AS outcome, "
    "COALESCE(json_extract(s.document, '$.tool_calls'), u.tool_calls) AS tool_calls "
    "FROM usage u LEFT JOIN sessions s ON s.session = u.session "
    "AND s.status IN ('initializing', 'ready', 'active'))";

constexpr std::string_view kOutboxColumns =
    "SELECT id, session, kind, idempotency_key, payload, state, created_at, next_attempt, "
    "attempts, last_error FROM outbox ";
constexpr std::string_view kRecordColumns =
    "SELECT id, kind, session, at, data, external_id, start_at, end_at, staff FROM records ";

Result<OutboxEntry> read_entry(const SqliteStatement& row) {
  return outbox_entry_of(row);
}

Result<KeptRecord> kept_record_of(const SqliteStatement& row) {
  const auto kind = record_kind_named(row.text(1));
  if (!kind) {
    return Error(ErrorCode::kCorrupt, "cannot read a record from the store: its kind is unknown");
  }
  VC_TRY(SessionId session, SessionId::parse(row.text(2)));
  KeptRecord kept{{*kind, row.text(0), std::nullopt, row.text(4), row.text(5)},
                  std::move(session),
                  time_of_stored(row.integer(3))};
  if (!row.is_null(6)) {
    kept.record.booking = Booking{row.text(0), time_of_stored(row.integer(6)),
                                  time_of_stored(row.integer(7)), row.text(8)};
  }
  return kept;
}

/// All rows of a statement, each made by `make`.
template <typename T>
Result<std::vector<T>> rows_of(SqliteStatement& statement,
                               Result<T> (*make)(const SqliteStatement&)) {
  std::vector<T> rows;
  while (true) {
    VC_TRY(const bool more, statement.step());
    if (!more) {
      return rows;
    }
    VC_TRY(T row, make(statement));
    rows.push_back(std::move(row));
  }
}

template <typename T>
Result<std::optional<T>> first_of(Result<std::vector<T>> rows) {
  if (rows.has_error()) {
    return rows.error();
  }
  return rows->empty() ? std::nullopt : std::optional<T>(std::move(rows->front()));
}

std::chrono::seconds seconds_at(const SqliteStatement& row, int column) {
  return std::chrono::seconds(row.integer(column));
}

}  // namespace

Result<std::vector<OutboxEntry>> TenantDatabase::list_outbox(const OutboxQuery& query) {
  VC_TRY(SqliteStatement statement,
         database_.prepare(std::string(kOutboxColumns) +
                           "WHERE (?1 = '' OR state = ?1) AND id > ?2 ORDER BY id LIMIT ?3"));
  statement.bind(1, query.state ? name_of(*query.state) : std::string_view())
      .bind(2, static_cast<std::int64_t>(query.after))
      .bind(3, static_cast<std::int64_t>(query.limit));
  return rows_of<OutboxEntry>(statement, read_entry);
}

Result<std::optional<OutboxEntry>> TenantDatabase::find_outbox(std::uint64_t id) {
  VC_TRY(SqliteStatement statement,
         database_.prepare(std::string(kOutboxColumns) + "WHERE id = ?"));
  statement.bind(1, static_cast<std::int64_t>(id));
  return first_of(rows_of<OutboxEntry>(statement, read_entry));
}

Result<std::vector<KeptRecord>> TenantDatabase::list_records(const RecordQuery& query) {
  const auto place = parse_page_cursor(query.after);
  if (!query.after.empty() && !place) {
    return bad_page_cursor("records");
  }
  std::string sql(kRecordColumns);
  sql += "WHERE (?1 = '' OR kind = ?1) AND at >= ?2";
  sql += place ? " AND (at, id) < (?4, ?5)" : "";
  sql += " ORDER BY at DESC, id DESC LIMIT ?3";
  VC_TRY(SqliteStatement statement, database_.prepare(sql));
  statement.bind(1, query.kind ? name_of(*query.kind) : std::string_view())
      .bind(2, stored_time(query.since))
      .bind(3, static_cast<std::int64_t>(query.limit));
  if (place) {
    statement.bind(4, stored_time(place->at)).bind(5, place->id);
  }
  return rows_of<KeptRecord>(statement, kept_record_of);
}

Result<std::optional<KeptRecord>> TenantDatabase::find_record(const std::string& id) {
  VC_TRY(SqliteStatement statement,
         database_.prepare(std::string(kRecordColumns) +
                           "WHERE id = ?1 OR (external_id <> '' AND external_id = ?1) "
                           "ORDER BY id = ?1 DESC LIMIT 1"));
  statement.bind(1, id);
  return first_of(rows_of<KeptRecord>(statement, kept_record_of));
}

Result<std::optional<Customer>> TenantDatabase::find_customer(const std::string& phone) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT phone, name, first_seen, last_seen, sessions, data "
                           "FROM customers WHERE phone = ?"));
  statement.bind(1, phone);
  VC_TRY(const bool found, statement.step());
  if (!found) {
    return std::optional<Customer>();
  }
  return std::optional(
      Customer{statement.text(0), statement.text(1), time_of_stored(statement.integer(2)),
               time_of_stored(statement.integer(3)),
               static_cast<std::uint64_t>(statement.integer(4)), statement.text(5)});
}

Result<UsageTotal> TenantDatabase::read_usage(WallTime within) {
  const WallTime from = month_start(within);
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT COUNT(*), COALESCE(SUM(duration), 0), "
                           "COALESCE(SUM(billed_duration), 0), COALESCE(SUM(tool_calls), 0) FROM " +
                           std::string(kUsageNow) +
                           " WHERE created_at >= ? AND created_at < ? AND status <> 'failed'"));
  statement.bind(1, stored_time(from)).bind(2, stored_time(month_end(within)));
  VC_TRY(const bool row, statement.step());
  if (!row) {
    return UsageTotal{};
  }
  return UsageTotal{static_cast<std::uint64_t>(statement.integer(0)), seconds_at(statement, 1),
                    seconds_at(statement, 2), static_cast<std::uint64_t>(statement.integer(3))};
}

Result<Analytics> TenantDatabase::read_analytics(WallTime from, WallTime to) {
  VC_TRY(
      SqliteStatement statement,
      database_.prepare("SELECT status, outcome, COUNT(*), SUM(duration), SUM(tool_calls) FROM " +
                        std::string(kUsageNow) +
                        " WHERE created_at >= ? AND created_at < ? GROUP BY status, outcome"));
  statement.bind(1, stored_time(from)).bind(2, stored_time(to));
  Analytics analytics;
  while (true) {
    VC_TRY(const bool more, statement.step());
    if (!more) {
      return analytics;
    }
    const auto sessions = static_cast<std::uint64_t>(statement.integer(2));
    analytics.sessions += sessions;
    analytics.by_status[statement.text(0)] += sessions;
    analytics.by_outcome[statement.text(1)] += sessions;
    analytics.duration += seconds_at(statement, 3);
    analytics.tool_calls += static_cast<std::uint64_t>(statement.integer(4));
  }
}

Result<std::uint64_t> TenantDatabase::expired_events(const ExpiryQuery& query) {
  VC_TRY(SqliteStatement statement,
         database_.prepare(
             "SELECT e.tenant_seq, e.at >= ?1 OR COALESCE(s.status IN ('initializing', 'ready', "
             "'active'), 0) FROM events e LEFT JOIN sessions s ON s.session = e.session "
             "WHERE e.tenant_seq < (SELECT MAX(tenant_seq) FROM events) "
             "ORDER BY e.tenant_seq LIMIT ?2"));
  statement.bind(1, stored_time(query.events_before)).bind(2, std::int64_t{query.limit});
  std::uint64_t through = 0;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row || statement.integer(1) != 0) {
      return through;
    }
    through = static_cast<std::uint64_t>(statement.integer(0));
  }
}

Result<std::vector<ExpiredSession>> TenantDatabase::expired_sessions(const ExpiryQuery& query,
                                                                     std::uint64_t events_through) {
  // By creation, which an index knows: whoever ended before was created before.
  VC_TRY(SqliteStatement statement,
         database_.prepare(
             "SELECT session, status, call_id FROM sessions WHERE created_at < ?1 AND "
             "COALESCE(ended_at, created_at) < ?1 AND status IN ('completed', 'failed') AND "
             "session NOT IN (SELECT session FROM outbox) AND NOT EXISTS (SELECT 1 FROM events "
             "WHERE events.session = sessions.session AND tenant_seq > ?2) "
             "ORDER BY created_at, session LIMIT ?3"));
  statement.bind(1, stored_time(query.sessions_before))
      .bind(2, static_cast<std::int64_t>(events_through))
      .bind(3, std::int64_t{query.limit});
  std::vector<ExpiredSession> sessions;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return sessions;
    }
    VC_TRY(SessionId session, SessionId::parse(statement.text(0)));
    sessions.push_back({std::move(session),
                        session_status_named(statement.text(1)).value_or(SessionStatus::kFailed),
                        statement.text(2)});
  }
}

Result<Expired> TenantDatabase::find_expired(const ExpiryQuery& query) {
  Expired expired;
  VC_TRY(expired.events_through, expired_events(query));
  VC_TRY(expired.sessions, expired_sessions(query, expired.events_through));
  VC_TRY(SqliteStatement inbox,
         database_.prepare("SELECT call_id, event FROM inbox WHERE at < ? ORDER BY at LIMIT ?"));
  inbox.bind(1, stored_time(query.inbox_before)).bind(2, std::int64_t{query.limit});
  while (true) {
    VC_TRY(const bool row, inbox.step());
    if (!row) {
      return expired;
    }
    expired.inbox.emplace_back(inbox.text(0), inbox.text(1));
  }
}

}  // namespace voicectl::runtime
