// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/registry_schema.h"

#include <array>

namespace voicectl {
namespace {

// Times are milliseconds since 1970, UTC. Documents are JSON in their own canonical form.
constexpr std::array kMigrations = {
    SqliteMigration{1, R"sql(
CREATE TABLE platform_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  last_event INTEGER NOT NULL,
  edge_fingerprint TEXT NOT NULL,
  platform TEXT,
  desired TEXT,
  desired_by TEXT
) STRICT;
INSERT INTO platform_state VALUES (1, 0, 0, 0, '', NULL, NULL, NULL);

CREATE TABLE tenants (
  tenant TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  phase TEXT NOT NULL,
  generation INTEGER NOT NULL,
  port INTEGER,
  has_data INTEGER NOT NULL,
  has_listener INTEGER NOT NULL,
  placement TEXT,
  token INTEGER NOT NULL,
  routes TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE instances (
  instance TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  admin_port INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  port INTEGER PRIMARY KEY,
  holder TEXT NOT NULL,
  released_at INTEGER
) STRICT;

CREATE TABLE journal (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  plan_id TEXT NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  action TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  state TEXT NOT NULL,
  outcome TEXT NOT NULL,
  opened_at INTEGER NOT NULL
) STRICT;
CREATE INDEX open_intents ON journal (number) WHERE state = 'intent';

CREATE TABLE events (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  name TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE TABLE api_keys (
  tenant TEXT NOT NULL,
  key_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  scope TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql"},
    SqliteMigration{2, R"sql(
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN revoked_at INTEGER;
ALTER TABLE api_keys ADD COLUMN replaced_by TEXT NOT NULL DEFAULT '';
)sql"},
    SqliteMigration{3, R"sql(
ALTER TABLE platform_state ADD COLUMN programs TEXT;
ALTER TABLE instances ADD COLUMN fate TEXT NOT NULL DEFAULT 'serving';
-- Who was to be replaced had its fingerprint taken away.
UPDATE instances SET fate = 'retired' WHERE fingerprint = '';
)sql"},
    SqliteMigration{4, R"sql(
ALTER TABLE platform_state ADD COLUMN identity TEXT NOT NULL DEFAULT '';
UPDATE platform_state SET identity = lower(hex(randomblob(16)));
)sql"},
    SqliteMigration{5, R"sql(
CREATE TABLE revisions (
  number INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  why TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  summary TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;

-- One part of desired states: the platform ('') or a tenant, from revision `since` until before
-- `until`. Without `until` it is in the newest. Without `spec` its tenant was purged.
CREATE TABLE desired_parts (
  name TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  spec TEXT,
  PRIMARY KEY (name, since)
) STRICT;
CREATE INDEX newest_parts ON desired_parts (name) WHERE until IS NULL;
CREATE INDEX ended_parts ON desired_parts (until) WHERE until IS NOT NULL;

-- What was desired before revisions were kept is the first one.
INSERT INTO revisions
  SELECT 1, generation, unixepoch() * 1000, coalesce(desired_by, 'unknown'),
         'applied before revisions were kept', '', '{}', 'done'
  FROM platform_state WHERE desired IS NOT NULL;
INSERT INTO desired_parts
  SELECT '', 1, NULL, json_extract(desired, '$.platform')
  FROM platform_state WHERE desired IS NOT NULL;
INSERT INTO desired_parts
  SELECT json_extract(tenant.value, '$.slug'), 1, NULL, tenant.value
  FROM platform_state, json_each(platform_state.desired, '$.tenants') AS tenant
  WHERE platform_state.desired IS NOT NULL;
ALTER TABLE platform_state DROP COLUMN desired;
ALTER TABLE platform_state DROP COLUMN desired_by;
)sql"},
    SqliteMigration{6, R"sql(
CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  sender TEXT NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  result TEXT,
  message TEXT
) STRICT;
CREATE INDEX audit_subjects ON audit (subject, number);

-- Nobody rewrites what was recorded, or says twice what came of it.
CREATE TRIGGER audit_is_not_rewritten
  BEFORE UPDATE OF number, at, uid, sender, who, what, subject, detail ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_closed_once
  BEFORE UPDATE OF result, message ON audit WHEN old.result IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_erased
  BEFORE DELETE ON audit WHEN old.number > (SELECT max(number) FROM audit) - 100000
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)sql"},
    SqliteMigration{7, R"sql(
-- Why the monitor wants the tenant alone in an instance, and since when; NULL: it does not.
ALTER TABLE tenants ADD COLUMN wish TEXT;
ALTER TABLE tenants ADD COLUMN wished_at INTEGER;
)sql"},
    SqliteMigration{8, R"sql(
-- How long what was done took; NULL: not known.
ALTER TABLE journal ADD COLUMN took_us INTEGER;
ALTER TABLE journal ADD COLUMN pause_us INTEGER;

CREATE TABLE forecasts (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  plan_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  is_complete INTEGER NOT NULL,
  forecast TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
)sql"},
    SqliteMigration{9, R"sql(
-- Number of the process that asked; 0: it was not noted then.
ALTER TABLE audit ADD COLUMN pid INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER audit_keeps_its_processes
  BEFORE UPDATE OF pid ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)sql"},
    SqliteMigration{10, R"sql(
-- What was last written into files that others might edit.
CREATE TABLE written_files (
  path TEXT PRIMARY KEY,
  sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a person has accepted as it is.
CREATE TABLE adoptions (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  who TEXT NOT NULL,
  why TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql"},
    SqliteMigration{11, R"sql(
-- Fields that the command line has set last, of the platform ('') or a tenant; the field '' is the
-- tenant itself. What is not here is the file's, and so is all that was desired before.
CREATE TABLE field_owners (
  part TEXT NOT NULL,
  field TEXT NOT NULL,
  revision INTEGER NOT NULL,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (part, field)
) STRICT, WITHOUT ROWID;
)sql"},
    SqliteMigration{12, R"sql(
-- Steps in which the load of tenants was watched, numbered as they were first written.
CREATE TABLE load_steps (
  number INTEGER PRIMARY KEY,
  seconds INTEGER NOT NULL,
  at INTEGER NOT NULL,
  watched INTEGER NOT NULL,
  UNIQUE (seconds, at)
) STRICT;

-- What tenants did in them, in that order: a minute is written, and dropped, as a few whole pages.
CREATE TABLE load_rows (
  number INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  instance TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  events INTEGER NOT NULL,
  cpu_us INTEGER NOT NULL,
  most_cpu INTEGER NOT NULL,
  received INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  memory INTEGER,
  latency BLOB NOT NULL,
  PRIMARY KEY (number, tenant)
) STRICT, WITHOUT ROWID;
)sql"},
    SqliteMigration{13, R"sql(
-- What instances, and the host (''), used in those steps; of what follows most_cpu the most.
CREATE TABLE usage_rows (
  number INTEGER NOT NULL,
  subject TEXT NOT NULL,
  cpu_us INTEGER NOT NULL,
  most_cpu INTEGER NOT NULL,
  memory INTEGER,
  memory_size INTEGER,
  proportional INTEGER,
  threads INTEGER,
  descriptors INTEGER,
  loop_lag_us INTEGER,
  sessions INTEGER,
  tenants INTEGER,
  load_milli INTEGER,
  disk INTEGER,
  disk_size INTEGER,
  PRIMARY KEY (number, subject)
) STRICT, WITHOUT ROWID;
)sql"},
};

}  // namespace

std::span<const SqliteMigration> registry_migrations() {
  return kMigrations;
}

}  // namespace voicectl
