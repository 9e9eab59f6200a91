// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/journal_rows.h"

#include <fmt/core.h>

#include "provisioner/registry/recorded_rows.h"

namespace voicectl {

Result<std::vector<std::int64_t>> insert_intents(SqliteDatabase& database,
                                                 const std::vector<JournalEntry>& entries,
                                                 Epoch epoch) {
  VC_TRY(SqliteStatement row,
         database.prepare("INSERT INTO journal (plan_id, key, kind, subject, action, epoch, state, "
                          "outcome, opened_at) VALUES (?,?,?,?,?,?,?,'',?) RETURNING number"));
  std::vector<std::int64_t> numbers;
  for (const JournalEntry& entry : entries) {
    row.bind(1, entry.plan_id)
        .bind(2, entry.key)
        .bind(3, entry.kind)
        .bind(4, entry.subject)
        .bind(5, entry.action)
        .bind(6, static_cast<std::int64_t>(epoch.value))
        .bind(7, name_of(JournalState::kIntent))
        .bind(8, to_row(entry.opened_at));
    VC_TRY(const bool has_number, row.step());
    if (!has_number) {
      return Error(ErrorCode::kInternal, "cannot write the journal: an entry got no number");
    }
    numbers.push_back(row.integer(0));
    row.reset();
  }
  return numbers;
}

Status close_intent(SqliteDatabase& database, const ClosedAction& action) {
  VC_TRY(SqliteStatement row,
         database.prepare("UPDATE journal SET state = ?, outcome = ?, took_us = ?, pause_us = ? "
                          "WHERE number = ? AND state = 'intent' RETURNING number"));
  row.bind(1, name_of(action.state)).bind(2, action.outcome).bind(5, action.number);
  if (action.time) {
    row.bind(3, std::int64_t{action.time->took.count()});
  } else {
    row.bind_null(3);
  }
  if (action.time && action.time->pause) {
    row.bind(4, std::int64_t{action.time->pause->count()});
  } else {
    row.bind_null(4);
  }
  VC_TRY(const bool is_closed, row.step());
  if (!is_closed) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot close journal entry {}: it is not open", action.number));
  }
  return row.run();
}

Result<std::vector<JournalEntry>> load_open_intents(SqliteDatabase& database) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT number, plan_id, key, kind, subject, action, epoch, opened_at "
                          "FROM journal WHERE state = 'intent' ORDER BY number"));
  std::vector<JournalEntry> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(JournalEntry{.number = row.integer(0),
                               .plan_id = row.text(1),
                               .key = row.text(2),
                               .kind = row.text(3),
                               .subject = row.text(4),
                               .action = row.text(5),
                               .epoch = Epoch{static_cast<std::uint64_t>(row.integer(6))},
                               .state = JournalState::kIntent,
                               .outcome = {},
                               .opened_at = wall_time_of(row.integer(7))});
  }
}

Status prune_journal(SqliteDatabase& database) {
  VC_TRY(SqliteStatement row,
         database.prepare("DELETE FROM journal WHERE state <> 'intent' AND number <= "
                          "(SELECT max(number) FROM journal) - ?"));
  return row.bind(1, kKeptJournalEntries).run();
}

Result<std::int64_t> insert_events(SqliteDatabase& database,
                                   const std::vector<EventRecord>& events) {
  VC_TRY(SqliteStatement last, database.prepare("SELECT last_event FROM platform_state"));
  VC_TRY(const bool has_last, last.step());
  std::int64_t number = has_last ? last.integer(0) : 0;
  last.reset();
  if (events.empty()) {
    return number;
  }
  VC_TRY(SqliteStatement row, database.prepare("INSERT INTO events VALUES (?,?,?,?,?)"));
  for (const EventRecord& event : events) {
    VC_TRY(row.bind(1, ++number)
               .bind(2, to_row(event.at))
               .bind(3, event.name)
               .bind(4, event.subject)
               .bind(5, event.detail)
               .run());
  }
  VC_TRY(SqliteStatement prune, database.prepare("DELETE FROM events WHERE number <= ?"));
  VC_TRY(prune.bind(1, number - kKeptEvents).run());
  VC_TRY(SqliteStatement store, database.prepare("UPDATE platform_state SET last_event = ?"));
  VC_TRY(store.bind(1, number).run());
  return number;
}

namespace {

/// Columns: number, at, name, subject, detail.
Result<std::vector<EventRecord>> take_events(SqliteStatement& row) {
  std::vector<EventRecord> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(EventRecord{row.integer(0), wall_time_of(row.integer(1)), row.text(2),
                              row.text(3), row.text(4)});
  }
}

}  // namespace

Result<std::vector<EventRecord>> load_events(SqliteDatabase& database,
                                             std::int64_t after,
                                             std::size_t limit) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT number, at, name, subject, detail FROM events "
                          "WHERE number > ? ORDER BY number LIMIT ?"));
  row.bind(1, after).bind(2, row_limit(limit));
  return take_events(row);
}

Result<std::vector<EventRecord>> load_latest_events(SqliteDatabase& database,
                                                    const std::string& subject,
                                                    const std::string& prefix,
                                                    std::size_t limit) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT number, at, name, subject, detail FROM events "
                          "WHERE subject = ?1 AND substr(name, 1, length(?2)) = ?2 "
                          "ORDER BY number DESC LIMIT ?3"));
  row.bind(1, subject).bind(2, prefix).bind(3, row_limit(limit));
  return take_events(row);
}

Result<std::vector<EventRecord>> load_latest_events_named(SqliteDatabase& database,
                                                          const std::string& name,
                                                          std::size_t limit) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT number, at, name, subject, detail FROM events "
                          "WHERE name = ? ORDER BY number DESC LIMIT ?"));
  row.bind(1, name).bind(2, row_limit(limit));
  return take_events(row);
}

Status forget_in_journal(SqliteDatabase& database, const TenantId& tenant) {
  VC_TRY(SqliteStatement closed,
         database.prepare("SELECT number, subject, outcome FROM journal WHERE state <> 'intent' "
                          "AND instr(subject || ' ' || outcome, ?) > 0"));
  closed.bind(1, tenant.str());
  std::vector<std::int64_t> of_tenant;
  while (true) {
    VC_TRY(const bool row, closed.step());
    if (!row) {
      break;
    }
    if (speaks_of(tenant, closed.text(1), closed.text(2))) {
      of_tenant.push_back(closed.integer(0));
    }
  }
  VC_TRY(SqliteStatement journal, database.prepare("DELETE FROM journal WHERE number = ?"));
  for (const std::int64_t number : of_tenant) {
    VC_TRY(journal.bind(1, number).run());
  }
  return ok_status();
}

}  // namespace voicectl
