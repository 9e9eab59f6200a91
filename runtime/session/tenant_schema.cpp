// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/tenant_schema.h"

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
)sql"},
                                       {2, R"sql(
CREATE TABLE records (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL,
  data TEXT NOT NULL, external_id TEXT NOT NULL DEFAULT '',
  start_at INTEGER, end_at INTEGER, staff TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX records_by_time ON records (at, id);
CREATE INDEX records_by_end ON records (end_at) WHERE end_at IS NOT NULL;
CREATE INDEX records_by_external_id ON records (external_id) WHERE external_id <> '';
INSERT INTO records (id, kind, session, at, data) SELECT id, 'order', session, at, data FROM orders;
INSERT INTO records (id, kind, session, at, data, start_at, end_at)
  SELECT id, 'appointment', session, at, data, start_at, end_at FROM appointments;
INSERT INTO records (id, kind, session, at, data)
  SELECT id, 'ticket', session, at, data FROM tickets;
DROP TABLE orders;
DROP TABLE appointments;
DROP TABLE tickets;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, kind TEXT NOT NULL,
  idempotency_key TEXT NOT NULL UNIQUE, payload TEXT NOT NULL, state TEXT NOT NULL,
  created_at INTEGER NOT NULL, next_attempt INTEGER NOT NULL, attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL);
CREATE INDEX outbox_by_state ON outbox (state, id);
CREATE TABLE customers (
  phone TEXT PRIMARY KEY, name TEXT NOT NULL, first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL, sessions INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE usage (
  session TEXT PRIMARY KEY, created_at INTEGER NOT NULL, status TEXT NOT NULL,
  outcome TEXT NOT NULL, duration INTEGER NOT NULL, billed_duration INTEGER NOT NULL,
  tool_calls INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX usage_by_time ON usage (created_at);
INSERT INTO usage SELECT session, created_at, status,
  COALESCE(json_extract(document, '$.business_outcome'), ''),
  COALESCE(json_extract(document, '$.duration'), 0),
  COALESCE(json_extract(document, '$.billed_duration'), 0), 0 FROM sessions;
)sql"},
                                       // With row numbers: what is too long for a page of an index
                                       // goes into pages of its own, which each change of a session
                                       // freed, wiped and took anew.
                                       {3, R"sql(
CREATE TABLE new_sessions (
  session TEXT PRIMARY KEY, status TEXT NOT NULL, created_at INTEGER NOT NULL,
  ended_at INTEGER, call_id TEXT NOT NULL, document TEXT NOT NULL);
INSERT INTO new_sessions SELECT * FROM sessions ORDER BY created_at, session;
DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;
CREATE INDEX sessions_by_time ON sessions (created_at, session);
CREATE INDEX sessions_by_status ON sessions (status, created_at);
CREATE INDEX sessions_by_call ON sessions (call_id);
)sql"},
                                       {4, R"sql(
CREATE INDEX inbox_by_time ON inbox (at);
)sql"},
                                       // With row numbers, as above: rows stand in the order in
                                       // which they come, many to a page, and only their names are
                                       // spread. Half of the pages that a group of orders changed
                                       // were of this table.
                                       {5, R"sql(
CREATE TABLE new_records (
  id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL,
  data TEXT NOT NULL, external_id TEXT NOT NULL DEFAULT '',
  start_at INTEGER, end_at INTEGER, staff TEXT NOT NULL DEFAULT '');
INSERT INTO new_records SELECT * FROM records ORDER BY at, id;
DROP TABLE records;
ALTER TABLE new_records RENAME TO records;
CREATE INDEX records_by_time ON records (at, id);
CREATE INDEX records_by_end ON records (end_at) WHERE end_at IS NOT NULL;
CREATE INDEX records_by_external_id ON records (external_id) WHERE external_id <> '';
CREATE TABLE new_requests (
  request_key TEXT NOT NULL PRIMARY KEY, status INTEGER NOT NULL, body TEXT NOT NULL,
  at INTEGER NOT NULL);
INSERT INTO new_requests SELECT * FROM requests ORDER BY at;
DROP TABLE requests;
ALTER TABLE new_requests RENAME TO requests;
CREATE INDEX requests_by_time ON requests (at);
CREATE TABLE new_inbox (
  call_id TEXT NOT NULL, event TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (call_id, event));
INSERT INTO new_inbox SELECT * FROM inbox ORDER BY at;
DROP TABLE inbox;
ALTER TABLE new_inbox RENAME TO inbox;
CREATE INDEX inbox_by_time ON inbox (at);
)sql"}};

}  // namespace

std::span<const SqliteMigration> tenant_schema() {
  return kSchema;
}

}  // namespace voicectl::runtime
