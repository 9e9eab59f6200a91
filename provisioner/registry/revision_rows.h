// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/revisions.h"

namespace voicectl {

/// Revisions as rows. All belong into a transaction of the caller's.
///
/// A desired state is its parts: the platform, and each tenant. A part is kept from the revision
/// that brought it until the one that changed it or took it away.

/// The newest revision's document; nullopt before the first.
Result<std::optional<std::string>> load_newest_document(SqliteDatabase& database);
Result<Revision> insert_revision(SqliteDatabase& database,
                                 const DesiredState& desired,
                                 const Revision& note);
Status update_revision(SqliteDatabase& database, std::int64_t number, RevisionOutcome outcome);
Result<std::vector<Revision>> load_revisions(SqliteDatabase& database,
                                             std::int64_t before,
                                             std::size_t limit);
Result<std::optional<KeptRevision>> load_revision(SqliteDatabase& database, std::int64_t number);
/// Notes who owns which fields as of revision `claimed_by`.
Status update_owners(SqliteDatabase& database,
                     const FieldOwnersChange& change,
                     const Revision& claimed_by);
Result<FieldOwners> load_field_owners(SqliteDatabase& database);
/// Erases what earlier revisions say of a tenant; that they had it stays.
Status forget_in_revisions(SqliteDatabase& database, const TenantId& tenant);

}  // namespace voicectl
