// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Journal and events as rows. All belong into a transaction of the caller's.

/// Returns the numbers that the entries got.
Result<std::vector<std::int64_t>> insert_intents(SqliteDatabase& database,
                                                 const std::vector<JournalEntry>& entries,
                                                 Epoch epoch);
/// ERRORS: kNotFound if the entry is not open.
Status close_intent(SqliteDatabase& database, const ClosedAction& action);
Result<std::vector<JournalEntry>> load_open_intents(SqliteDatabase& database);
/// Forgets closed entries that are older than the newest kKeptJournalEntries.
Status prune_journal(SqliteDatabase& database);

/// Returns the number of the last one.
Result<std::int64_t> insert_events(SqliteDatabase& database,
                                   const std::vector<EventRecord>& events);
Result<std::vector<EventRecord>> load_events(SqliteDatabase& database,
                                             std::int64_t after,
                                             std::size_t limit);
/// As Registry::latest_events. Looks through all events: for questions that people ask.
Result<std::vector<EventRecord>> load_latest_events(SqliteDatabase& database,
                                                    const std::string& subject,
                                                    const std::string& prefix,
                                                    std::size_t limit);
/// As Registry::latest_events_named. Looks through all events: for what is asked once.
Result<std::vector<EventRecord>> load_latest_events_named(SqliteDatabase& database,
                                                          const std::string& name,
                                                          std::size_t limit);

/// Removes closed entries that are about that tenant.
Status forget_in_journal(SqliteDatabase& database, const TenantId& tenant);

}  // namespace voicectl
