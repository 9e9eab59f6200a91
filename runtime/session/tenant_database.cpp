// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/tenant_database.h"

#include <fmt/core.h>

#include <charconv>

#include "base/check.h"

namespace voicectl::runtime {
namespace {

constexpr SqliteMigration kSchema[] = {{1, R"sql(
CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL);
CREATE TABLE sessions (
  session TEXT PRIMARY KEY, status TEXT NOT NULL, created_at INTEGER NOT NULL,
  ended_at INTEGER, call_id TEXT NOT NULL, document TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX sessions_by_time ON sessions (created_at, session);
CREATE INDEX sessions_by_status ON sessions (status, created_at);
CREATE INDEX sessions_by_call ON sessions (call_id);
CREATE TABLE events (
  tenant_seq INTEGER PRIMARY KEY, session TEXT NOT NULL, seq INTEGER NOT NULL,
  type TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (session, seq));
CREATE TABLE orders (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE appointments (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL,
  start_at INTEGER NOT NULL, end_at INTEGER NOT NULL);
CREATE INDEX appointments_by_end ON appointments (end_at);
CREATE TABLE tickets (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE inbox (
  call_id TEXT NOT NULL, event TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (call_id, event)) WITHOUT ROWID;
CREATE TABLE requests (
  request_key TEXT PRIMARY KEY, status INTEGER NOT NULL, body TEXT NOT NULL,
  at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (at);
)sql"}};

/// Ended sessions that are taken into memory again: their bill may still come.
constexpr std::chrono::hours kEndedAtHand{1};

std::int64_t number_of(WallTime at) {
  return at.time_since_epoch().count();
}

WallTime time_of(std::int64_t number) {
  return WallTime(std::chrono::milliseconds(number));
}

std::int64_t as_signed(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

/// The place that a cursor names; nullopt if it is none of ours.
std::optional<std::pair<std::int64_t, std::string>> place_of(const std::string& cursor) {
  const std::size_t point = cursor.find('.');
  std::int64_t at = 0;
  const auto [end, problem] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), at);
  if (problem != std::errc() || point == std::string::npos || end != cursor.data() + point) {
    return std::nullopt;
  }
  return std::pair(at, cursor.substr(point + 1));
}

}  // namespace

/// Statements of one transaction, prepared once for all its batches.
struct TenantDatabase::Writers {
  SqliteStatement session, event, order, appointment, ticket, inbox, response, drop;

  static Result<Writers> prepare(SqliteDatabase& database) {
    VC_TRY(SqliteStatement session,
           database.prepare("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?)"));
    VC_TRY(SqliteStatement event, database.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"));
    VC_TRY(SqliteStatement order, database.prepare("INSERT INTO orders VALUES (?, ?, ?, ?)"));
    VC_TRY(SqliteStatement appointment,
           database.prepare("INSERT INTO appointments VALUES (?, ?, ?, ?, ?, ?)"));
    VC_TRY(SqliteStatement ticket, database.prepare("INSERT INTO tickets VALUES (?, ?, ?, ?)"));
    VC_TRY(SqliteStatement inbox,
           database.prepare("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)"));
    VC_TRY(SqliteStatement response,
           database.prepare("INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?)"));
    VC_TRY(SqliteStatement drop, database.prepare("DELETE FROM requests WHERE at < ?"));
    return Writers{std::move(session),     std::move(event),  std::move(order),
                   std::move(appointment), std::move(ticket), std::move(inbox),
                   std::move(response),    std::move(drop)};
  }

  Status write(const Session& of) {
    session.bind(1, of.session.str())
        .bind(2, name_of(of.status))
        .bind(3, number_of(of.created_at))
        .bind(5, of.ultravox_call_id)
        .bind(6, to_stored_text(of));
    of.end_time ? session.bind(4, number_of(*of.end_time)) : session.bind_null(4);
    return session.run();
  }

  Status write(const SessionEvent& of) {
    return event.bind(1, as_signed(of.tenant_seq))
        .bind(2, of.session.str())
        .bind(3, as_signed(of.seq))
        .bind(4, of.type)
        .bind(5, number_of(of.at))
        .bind(6, of.data)
        .run();
  }

  Status write(const BusinessRecord& of, const std::string& owner, WallTime at) {
    SqliteStatement& statement = statement_for(of.kind);
    statement.bind(1, of.id).bind(2, owner).bind(3, number_of(at)).bind(4, of.data);
    if (of.booking) {
      statement.bind(5, number_of(of.booking->start)).bind(6, number_of(of.booking->end));
    }
    return statement.run();
  }

  Status write(const InboxEntry& of) {
    return inbox.bind(1, of.call_id)
        .bind(2, of.event)
        .bind(3, number_of(of.at))
        .bind(4, of.body)
        .run();
  }

  Status write(const StoredResponse& of) {
    return response.bind(1, of.request_key)
        .bind(2, static_cast<std::int64_t>(of.status))
        .bind(3, of.body)
        .bind(4, number_of(of.at))
        .run();
  }

 private:
  SqliteStatement& statement_for(BusinessRecord::Kind kind) {
    switch (kind) {
      case BusinessRecord::Kind::kOrder:
        return order;
      case BusinessRecord::Kind::kAppointment:
        return appointment;
      case BusinessRecord::Kind::kTicket:
        return ticket;
    }
    return ticket;
  }
};

WallTime month_start(WallTime now) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(now));
  return WallTime(std::chrono::sys_days(date.year() / date.month() / std::chrono::day(1)));
}

std::string page_cursor(const Session& session) {
  return fmt::format("{}.{}", number_of(session.created_at), session.session.str());
}

Result<TenantDatabase> TenantDatabase::open(const std::string& path, FencingToken token) {
  VC_TRY(SqliteDatabase database, SqliteDatabase::open(path));
  VC_TRY(database.migrate(kSchema));
  TenantDatabase opened(std::move(database), token);
  VC_TRY(opened.take_over());
  return opened;
}

Status TenantDatabase::take_over() {
  return database_.in_transaction([this]() -> Status {
    VC_TRY(database_.run("INSERT OR IGNORE INTO fence VALUES (1, 0)"));
    VC_TRY(const std::uint64_t found, count("SELECT token FROM fence WHERE one = ?", 1));
    if (found > token_.value) {
      return Error(ErrorCode::kFenced,
                   fmt::format("cannot take over the store with token {}: a holder with token {} "
                               "has been there",
                               token_.value, found));
    }
    return database_.run(fmt::format("UPDATE fence SET token = {}", token_.value));
  });
}

Status TenantDatabase::check_fence() {
  VC_TRY(const std::uint64_t found, count("SELECT token FROM fence WHERE one = ?", 1));
  if (found != token_.value) {
    return Error(ErrorCode::kFenced,
                 fmt::format("cannot write to the store with token {}: it belongs to token {} now",
                             token_.value, found));
  }
  return ok_status();
}

Status TenantDatabase::write(std::span<const StoreBatch* const> batches) {
  VC_TRY(Writers writers, Writers::prepare(database_));
  return database_.in_transaction([&]() -> Status {
    VC_TRY(check_fence());
    for (const StoreBatch* batch : batches) {
      VC_TRY(write_batch(writers, *batch));
    }
    return ok_status();
  });
}

Status TenantDatabase::write_batch(Writers& writers, const StoreBatch& batch) {
  const auto write_all = [&writers](const auto& values) -> Status {
    for (const auto& value : values) {
      VC_TRY(writers.write(value));
    }
    return ok_status();
  };
  VC_TRY(write_all(batch.sessions));
  VC_TRY(write_all(batch.events));
  for (const BusinessRecord& record : batch.records) {
    VC_CHECK(!batch.sessions.empty(), "records are stored with their session");
    VC_TRY(writers.write(record, batch.sessions.front().session.str(), batch.at));
  }
  VC_TRY(write_all(batch.inbox));
  if (batch.response) {
    VC_TRY(writers.write(*batch.response));
  }
  if (batch.drop_responses_before) {
    VC_TRY(writers.drop.bind(1, number_of(*batch.drop_responses_before)).run());
  }
  return ok_status();
}

Result<StoreContents> TenantDatabase::load(WallTime now) {
  StoreContents contents;
  VC_TRY(SqliteStatement live,
         database_.prepare("SELECT document FROM sessions WHERE status IN ('initializing', "
                           "'ready', 'active') OR ended_at > ? ORDER BY created_at, session"));
  live.bind(1, number_of(now - kEndedAtHand));
  VC_TRY(contents.sessions, read_sessions(live));
  VC_TRY(contents.responses, load_responses(now));
  VC_TRY(contents.bookings, load_bookings(now));
  VC_TRY(contents.last_tenant_seq,
         count("SELECT COALESCE(MAX(tenant_seq), 0) FROM events WHERE tenant_seq > ?", 0));
  VC_TRY(contents.sessions_this_month,
         count("SELECT COUNT(*) FROM sessions WHERE created_at >= ? AND status != 'failed'",
               number_of(month_start(now))));
  return contents;
}

Result<std::vector<StoredResponse>> TenantDatabase::load_responses(WallTime now) {
  VC_TRY(SqliteStatement statement,
         database_.prepare(
             "SELECT request_key, status, body, at FROM requests WHERE at > ? ORDER BY at"));
  statement.bind(
      1, number_of(now - std::chrono::duration_cast<std::chrono::milliseconds>(kResponsesKept)));
  std::vector<StoredResponse> responses;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return responses;
    }
    responses.push_back({statement.text(0), static_cast<int>(statement.integer(1)),
                         statement.text(2), time_of(statement.integer(3))});
  }
}

Result<std::vector<Booking>> TenantDatabase::load_bookings(WallTime now) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT id, start_at, end_at FROM appointments WHERE end_at > ?"));
  statement.bind(1, number_of(now));
  std::vector<Booking> bookings;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return bookings;
    }
    bookings.push_back(
        {statement.text(0), time_of(statement.integer(1)), time_of(statement.integer(2))});
  }
}

Result<std::uint64_t> TenantDatabase::count(const std::string& sql, std::int64_t argument) {
  VC_TRY(SqliteStatement statement, database_.prepare(sql));
  statement.bind(1, argument);
  VC_TRY(const bool row, statement.step());
  return row ? static_cast<std::uint64_t>(statement.integer(0)) : 0;
}

Result<std::vector<Session>> TenantDatabase::read_sessions(SqliteStatement& statement) {
  std::vector<Session> sessions;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return sessions;
    }
    VC_TRY(Session session, session_of_stored_text(statement.text(0)));
    sessions.push_back(std::move(session));
  }
}

Result<SessionPage> TenantDatabase::list_sessions(const SessionQuery& query) {
  const auto place = place_of(query.after);
  if (!query.after.empty() && !place) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot list sessions: 'after' must be the 'next' of an earlier answer");
  }
  std::string sql = "SELECT document FROM sessions WHERE (?1 = '' OR status = ?1)";
  sql += place ? " AND (created_at, session) < (?3, ?4)" : "";
  sql += " ORDER BY created_at DESC, session DESC LIMIT ?2";
  VC_TRY(SqliteStatement statement, database_.prepare(sql));
  statement.bind(1, query.status ? name_of(*query.status) : std::string_view());
  statement.bind(2, static_cast<std::int64_t>(query.limit) + 1);
  if (place) {
    statement.bind(3, place->first).bind(4, place->second);
  }
  SessionPage page;
  VC_TRY(page.sessions, read_sessions(statement));
  if (page.sessions.size() > query.limit) {
    page.sessions.pop_back();
    page.next = page.sessions.empty() ? "" : page_cursor(page.sessions.back());
  }
  return page;
}

Result<std::optional<Session>> TenantDatabase::find_session(const std::string& id) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT document FROM sessions WHERE session = ?"));
  statement.bind(1, id);
  VC_TRY(std::vector<Session> found, read_sessions(statement));
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

Result<std::optional<Session>> TenantDatabase::find_session_by_call(const std::string& call_id) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT document FROM sessions WHERE call_id = ? LIMIT 1"));
  statement.bind(1, call_id);
  VC_TRY(std::vector<Session> found, read_sessions(statement));
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

Result<std::vector<SessionEvent>> TenantDatabase::read_events(SqliteStatement& statement) {
  std::vector<SessionEvent> events;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return events;
    }
    VC_TRY(SessionId session, SessionId::parse(statement.text(1)));
    events.push_back({std::move(session), static_cast<std::uint64_t>(statement.integer(2)),
                      static_cast<std::uint64_t>(statement.integer(0)), statement.text(3),
                      time_of(statement.integer(4)), statement.text(5)});
  }
}

Result<std::vector<SessionEvent>> TenantDatabase::read_session_events(const std::string& id,
                                                                      std::uint64_t after,
                                                                      std::uint32_t limit) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT tenant_seq, session, seq, type, at, data FROM events "
                           "WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?"));
  statement.bind(1, id).bind(2, as_signed(after)).bind(3, static_cast<std::int64_t>(limit));
  return read_events(statement);
}

Result<std::vector<SessionEvent>> TenantDatabase::read_tenant_events(std::uint64_t after,
                                                                     std::uint32_t limit) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT tenant_seq, session, seq, type, at, data FROM events "
                           "WHERE tenant_seq > ? ORDER BY tenant_seq LIMIT ?"));
  statement.bind(1, as_signed(after)).bind(2, static_cast<std::int64_t>(limit));
  return read_events(statement);
}

}  // namespace voicectl::runtime
