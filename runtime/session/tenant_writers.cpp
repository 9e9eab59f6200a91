// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/tenant_writers.h"

#include "base/check.h"

namespace voicectl::runtime {
namespace {

std::int64_t seconds_or_zero(const std::optional<std::chrono::seconds>& length) {
  return length ? length->count() : 0;
}

}  // namespace

std::int64_t stored_time(WallTime at) {
  return at.time_since_epoch().count();
}

WallTime time_of_stored(std::int64_t number) {
  return WallTime(std::chrono::milliseconds(number));
}

OutboxEntry outbox_entry_of(const SqliteStatement& row) {
  OutboxEntry entry;
  entry.id = static_cast<std::uint64_t>(row.integer(0));
  entry.session = row.text(1);
  entry.kind = row.text(2);
  entry.idempotency_key = row.text(3);
  entry.payload = row.text(4);
  entry.state = row.text(5) == name_of(OutboxEntry::State::kDead) ? OutboxEntry::State::kDead
                                                                  : OutboxEntry::State::kPending;
  entry.created_at = time_of_stored(row.integer(6));
  entry.next_attempt = time_of_stored(row.integer(7));
  entry.attempts = static_cast<std::uint32_t>(row.integer(8));
  entry.last_error = row.text(9);
  return entry;
}

Result<TenantWriters> TenantWriters::prepare(SqliteDatabase& database) {
  // Not OR REPLACE, which would write every index anew: a session is stored with each of its calls.
  VC_TRY(SqliteStatement session,
         database.prepare("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?) "
                          "ON CONFLICT (session) DO UPDATE SET status = excluded.status, "
                          "ended_at = excluded.ended_at, call_id = excluded.call_id, "
                          "document = excluded.document"));
  // An upsert would take the entries out of the indexes and put them in again, equal or not.
  VC_TRY(
      SqliteStatement document,
      database.prepare("UPDATE sessions SET document = ?5 WHERE session = ?1 AND status = ?2 AND "
                       "ended_at IS ?3 AND call_id = ?4"));
  VC_TRY(SqliteStatement usage,
         database.prepare("INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?) "
                          "ON CONFLICT (session) DO UPDATE SET status = excluded.status, "
                          "outcome = excluded.outcome, duration = excluded.duration, "
                          "billed_duration = excluded.billed_duration, "
                          "tool_calls = excluded.tool_calls"));
  VC_TRY(SqliteStatement event, database.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"));
  VC_TRY(SqliteStatement record,
         database.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                          "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, "
                          "session = excluded.session, at = excluded.at, data = excluded.data, "
                          "external_id = excluded.external_id, start_at = excluded.start_at, "
                          "end_at = excluded.end_at, staff = excluded.staff"));
  VC_TRY(SqliteStatement inbox,
         database.prepare("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)"));
  // Not OR REPLACE: a second entry with one idempotency key would silently take the first's place.
  VC_TRY(SqliteStatement outbox,
         database.prepare("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                          "ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, "
                          "state = excluded.state, next_attempt = excluded.next_attempt, "
                          "attempts = excluded.attempts, last_error = excluded.last_error"));
  VC_TRY(SqliteStatement outbox_done, database.prepare("DELETE FROM outbox WHERE id = ?"));
  VC_TRY(SqliteStatement customer,
         database.prepare("INSERT OR REPLACE INTO customers VALUES (?, ?, ?, ?, ?, ?)"));
  VC_TRY(SqliteStatement response,
         database.prepare("INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?)"));
  VC_TRY(SqliteStatement drop, database.prepare("DELETE FROM requests WHERE at < ?"));
  VC_TRY(SqliteStatement expire_events,
         database.prepare("DELETE FROM events WHERE tenant_seq <= ?"));
  // It may be owed something since it was looked for.
  VC_TRY(SqliteStatement expire_session,
         database.prepare("DELETE FROM sessions WHERE session = ?1 AND "
                          "NOT EXISTS (SELECT 1 FROM outbox WHERE session = ?1)"));
  VC_TRY(SqliteStatement expire_inbox,
         database.prepare("DELETE FROM inbox WHERE call_id = ? AND event = ?"));
  return TenantWriters(Statements{std::move(session), std::move(document), std::move(usage),
                                  std::move(event), std::move(record), std::move(inbox),
                                  std::move(outbox), std::move(outbox_done), std::move(customer),
                                  std::move(response), std::move(drop), std::move(expire_events),
                                  std::move(expire_session), std::move(expire_inbox)});
}

Status TenantWriters::write(const StoreBatch& batch) {
  const auto write_all = [this](const auto& values) -> Status {
    for (const auto& value : values) {
      VC_TRY(write(value));
    }
    return ok_status();
  };
  VC_TRY(write_all(batch.sessions));
  VC_TRY(write_all(batch.events));
  for (const BusinessRecord& record : batch.records) {
    VC_CHECK(!batch.sessions.empty(), "records are stored with their session");
    VC_TRY(write(record, batch.sessions.front().session.str(), batch.at));
  }
  VC_TRY(write_all(batch.inbox));
  VC_TRY(write_all(batch.outbox));
  for (const std::uint64_t id : batch.outbox_done) {
    VC_TRY(to_.outbox_done.bind(1, static_cast<std::int64_t>(id)).run());
  }
  VC_TRY(write_all(batch.customers));
  if (batch.response) {
    VC_TRY(write(*batch.response));
  }
  if (batch.drop_responses_before) {
    VC_TRY(to_.drop.bind(1, stored_time(*batch.drop_responses_before)).run());
  }
  return remove(batch.expired);
}

Status TenantWriters::remove(const Expired& of) {
  if (of.events_through > 0) {
    VC_TRY(to_.expire_events.bind(1, static_cast<std::int64_t>(of.events_through)).run());
  }
  for (const ExpiredSession& session : of.sessions) {
    VC_TRY(to_.expire_session.bind(1, session.session.str()).run());
  }
  for (const auto& [call, event] : of.inbox) {
    VC_TRY(to_.expire_inbox.bind(1, call).bind(2, event).run());
  }
  return ok_status();
}

Status TenantWriters::write(const Session& of) {
  const std::string text = to_stored_text(of);
  VC_TRY(const bool is_written, write_document(of, text));
  // What its usage says is settled when it ends; a page more for each of its calls until then buys
  // nothing.
  if (is_written && is_live(of.status)) {
    return ok_status();
  }
  if (!is_written) {
    to_.session.bind(1, of.session.str())
        .bind(2, name_of(of.status))
        .bind(3, stored_time(of.created_at))
        .bind(5, of.ultravox_call_id)
        .bind(6, text);
    of.end_time ? to_.session.bind(4, stored_time(*of.end_time)) : to_.session.bind_null(4);
    VC_TRY(to_.session.run());
  }
  return write_usage(of);
}

Result<bool> TenantWriters::write_document(const Session& of, std::string_view text) {
  SqliteStatement& to = to_.document;
  to.bind(1, of.session.str())
      .bind(2, name_of(of.status))
      .bind(4, of.ultravox_call_id)
      .bind(5, text);
  of.end_time ? to.bind(3, stored_time(*of.end_time)) : to.bind_null(3);
  VC_TRY(const std::int64_t rows, to.run_counted());
  return rows > 0;
}

Status TenantWriters::write_usage(const Session& of) {
  return to_.usage.bind(1, of.session.str())
      .bind(2, stored_time(of.created_at))
      .bind(3, name_of(of.status))
      .bind(4, of.business_outcome)
      .bind(5, seconds_or_zero(of.duration))
      .bind(6, seconds_or_zero(of.billed_duration))
      .bind(7, static_cast<std::int64_t>(of.tool_calls))
      .run();
}

Status TenantWriters::write(const SessionEvent& of) {
  return to_.event.bind(1, static_cast<std::int64_t>(of.tenant_seq))
      .bind(2, of.session.str())
      .bind(3, static_cast<std::int64_t>(of.seq))
      .bind(4, of.type)
      .bind(5, stored_time(of.at))
      .bind(6, of.data)
      .run();
}

Status TenantWriters::write(const BusinessRecord& of, const std::string& owner, WallTime at) {
  SqliteStatement& to = to_.record;
  to.bind(1, of.id)
      .bind(2, name_of(of.kind))
      .bind(3, owner)
      .bind(4, stored_time(at))
      .bind(5, of.data)
      .bind(6, of.external_id);
  if (of.booking) {
    to.bind(7, stored_time(of.booking->start)).bind(8, stored_time(of.booking->end));
  } else {
    to.bind_null(7).bind_null(8);
  }
  return to.bind(9, of.booking ? of.booking->staff : "").run();
}

Status TenantWriters::write(const InboxEntry& of) {
  return to_.inbox.bind(1, of.call_id)
      .bind(2, of.event)
      .bind(3, stored_time(of.at))
      .bind(4, of.body)
      .run();
}

Status TenantWriters::write(const OutboxEntry& of) {
  return to_.outbox.bind(1, static_cast<std::int64_t>(of.id))
      .bind(2, of.session)
      .bind(3, of.kind)
      .bind(4, of.idempotency_key)
      .bind(5, of.payload)
      .bind(6, name_of(of.state))
      .bind(7, stored_time(of.created_at))
      .bind(8, stored_time(of.next_attempt))
      .bind(9, static_cast<std::int64_t>(of.attempts))
      .bind(10, of.last_error)
      .run();
}

Status TenantWriters::write(const Customer& of) {
  return to_.customer.bind(1, of.phone)
      .bind(2, of.name)
      .bind(3, stored_time(of.first_seen))
      .bind(4, stored_time(of.last_seen))
      .bind(5, static_cast<std::int64_t>(of.sessions))
      .bind(6, of.data)
      .run();
}

Status TenantWriters::write(const StoredResponse& of) {
  return to_.response.bind(1, of.request_key)
      .bind(2, static_cast<std::int64_t>(of.status))
      .bind(3, of.body)
      .bind(4, stored_time(of.at))
      .run();
}

}  // namespace voicectl::runtime
