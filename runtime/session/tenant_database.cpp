// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/tenant_database.h"

#include <fmt/core.h>

#include <limits>

#include "runtime/session/database_files.h"
#include "runtime/session/tenant_schema.h"

namespace voicectl::runtime {
namespace {

/// A group of 512 tool calls changes more than a thousand pages. By default these do not fit into
/// the cache, so that they are read again and again, and each such group ends with a checkpoint,
/// which is two flushes more. The file of changes goes back to 8 MiB when it has been checkpointed.
constexpr const char* kForManyCalls =
    "PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=8388608;";

/// Ended sessions that are taken into memory again: their bill may still come.
constexpr std::chrono::hours kEndedAtHand{1};

std::int64_t as_signed(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

}  // namespace

std::string page_cursor(const Session& session) {
  return page_cursor(PagePlace{session.created_at, session.session.str()});
}

Result<TenantDatabase> TenantDatabase::open(const std::string& path, FencingToken token) {
  VC_TRY(SqliteDatabase database, open_tenant_file(path));
  VC_TRY(database.migrate(tenant_schema()));
  VC_TRY(database.run(kForManyCalls));
  VC_TRY(TenantWriters writers, TenantWriters::prepare(database));
  TenantDatabase opened(std::move(database), token, std::move(writers));
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
    if (found == token_.value) {
      return ok_status();  // whoever had it before let us in
    }
    return database_.run(fmt::format("UPDATE fence SET token = {}", token_.value));
  });
}

Status TenantDatabase::release(FencingToken next) {
  // Flushed like every commit, although nobody needs the token after a loss of power: what damage
  // is judged by (database_files.h) is that whatever the shared memory knows of is on the disk.
  return database_.in_transaction([&]() -> Status {
    VC_TRY(check_fence());
    return database_.run(fmt::format("UPDATE fence SET token = {}", next.value));
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
  return database_.in_transaction([&]() -> Status {
    VC_TRY(check_fence());
    for (const StoreBatch* batch : batches) {
      VC_TRY(writers_.write(*batch));
    }
    return ok_status();
  });
}

Result<StoreContents> TenantDatabase::load(WallTime now) {
  StoreContents contents;
  VC_TRY(SqliteStatement live,
         database_.prepare("SELECT document FROM sessions WHERE status IN ('initializing', "
                           "'ready', 'active') OR ended_at > ? ORDER BY created_at, session"));
  live.bind(1, stored_time(now - kEndedAtHand));
  VC_TRY(contents.sessions, read_sessions(live));
  VC_TRY(contents.responses, load_responses(now));
  VC_TRY(contents.bookings, load_bookings(now));
  VC_TRY(contents.last_tenant_seq,
         count("SELECT COALESCE(MAX(tenant_seq), 0) FROM events WHERE tenant_seq > ?", 0));
  VC_TRY(contents.sessions_this_month,
         count("SELECT COUNT(*) FROM usage WHERE created_at >= ? AND status <> 'failed'",
               stored_time(month_start(now))));
  VC_TRY(contents.outbox,
         list_outbox({OutboxEntry::State::kPending, 0, std::numeric_limits<std::uint32_t>::max()}));
  VC_TRY(
      contents.last_outbox_id,
      count("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'outbox' AND seq > ?",
            0));
  VC_TRY(SqliteStatement dead,
         database_.prepare("SELECT idempotency_key FROM outbox WHERE state = ?"));
  dead.bind(1, name_of(OutboxEntry::State::kDead));
  while (true) {
    VC_TRY(const bool row, dead.step());
    if (!row) {
      return contents;
    }
    contents.dead_outbox_keys.push_back(dead.text(0));
  }
}

Result<std::vector<StoredResponse>> TenantDatabase::load_responses(WallTime now) {
  VC_TRY(SqliteStatement statement,
         database_.prepare(
             "SELECT request_key, status, body, at FROM requests WHERE at > ? ORDER BY at"));
  statement.bind(
      1, stored_time(now - std::chrono::duration_cast<std::chrono::milliseconds>(kResponsesKept)));
  std::vector<StoredResponse> responses;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return responses;
    }
    responses.push_back({statement.text(0), static_cast<int>(statement.integer(1)),
                         statement.text(2), time_of_stored(statement.integer(3))});
  }
}

Result<std::vector<Booking>> TenantDatabase::load_bookings(WallTime now) {
  VC_TRY(SqliteStatement statement,
         database_.prepare("SELECT id, start_at, end_at, staff FROM records WHERE end_at > ?"));
  statement.bind(1, stored_time(now));
  std::vector<Booking> bookings;
  while (true) {
    VC_TRY(const bool row, statement.step());
    if (!row) {
      return bookings;
    }
    bookings.push_back({statement.text(0), time_of_stored(statement.integer(1)),
                        time_of_stored(statement.integer(2)), statement.text(3)});
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
  const auto place = parse_page_cursor(query.after);
  if (!query.after.empty() && !place) {
    return bad_page_cursor("sessions");
  }
  std::string sql = "SELECT document FROM sessions WHERE (?1 = '' OR status = ?1)";
  sql += query.created_after ? " AND created_at >= ?5" : "";
  sql += query.created_before ? " AND created_at < ?6" : "";
  sql += place ? " AND (created_at, session) < (?3, ?4)" : "";
  sql += " ORDER BY created_at DESC, session DESC LIMIT ?2";
  VC_TRY(SqliteStatement statement, database_.prepare(sql));
  statement.bind(1, query.status ? name_of(*query.status) : std::string_view());
  statement.bind(2, static_cast<std::int64_t>(query.limit) + 1);
  if (place) {
    statement.bind(3, stored_time(place->at)).bind(4, place->id);
  }
  if (query.created_after) {
    statement.bind(5, stored_time(*query.created_after));
  }
  if (query.created_before) {
    statement.bind(6, stored_time(*query.created_before));
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
                      time_of_stored(statement.integer(4)), statement.text(5)});
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
