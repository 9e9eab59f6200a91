// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/revision_rows.h"

#include <map>
#include <string>

#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/registry/recorded_rows.h"

namespace voicectl {
namespace {

/// Name of the platform's part; no tenant can have it.
constexpr std::string_view kPlatform;

/// The parts of a desired state, by name.
std::map<std::string, std::string> parts_of(const DesiredState& desired) {
  std::map<std::string, std::string> out;
  out.emplace(kPlatform, render_platform(desired.platform));
  for (const TenantSpec& tenant : desired.tenants) {
    out.emplace(tenant.tenant.str(), render_tenant(tenant));
  }
  return out;
}

/// Puts parts, which come in order of their names, together to one document.
class DocumentWriter {
 public:
  void add(const std::string& name, const std::string& spec) {
    if (name == kPlatform) {
      out_ += "\"platform\":" + spec + ",";
      return;
    }
    tenants_ += (tenants_.empty() ? "" : ",") + spec;
  }
  std::string str() && {
    return R"({"apiVersion":")" + std::string(kApiVersion) + "\"," + out_ + "\"tenants\":[" +
           tenants_ + "]}";
  }

 private:
  std::string out_;
  std::string tenants_;
};

Result<std::int64_t> newest_number(SqliteDatabase& database) {
  VC_TRY(SqliteStatement row, database.prepare("SELECT coalesce(max(number), 0) FROM revisions"));
  VC_TRY(const bool has_row, row.step());
  return has_row ? row.integer(0) : 0;
}

/// What has to be written so that `wanted` is the newest desired state. Parts that stay are dropped
/// from it; `ended` are those that do not.
Status compare_with_newest(SqliteDatabase& database,
                           std::map<std::string, std::string>& wanted,
                           std::vector<std::string>& ended) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT name, spec FROM desired_parts WHERE until IS NULL"));
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return ok_status();
    }
    const auto found = wanted.find(row.text(0));
    if (found != wanted.end() && found->second == row.text(1)) {
      wanted.erase(found);
    } else {
      ended.push_back(row.text(0));
    }
  }
}

Status write_parts(SqliteDatabase& database,
                   std::int64_t number,
                   const std::map<std::string, std::string>& begun,
                   const std::vector<std::string>& ended) {
  VC_TRY(SqliteStatement end,
         database.prepare("UPDATE desired_parts SET until = ? WHERE name = ? AND until IS NULL"));
  for (const std::string& name : ended) {
    VC_TRY(end.bind(1, number).bind(2, name).run());
  }
  VC_TRY(SqliteStatement begin, database.prepare("INSERT INTO desired_parts VALUES (?,?,NULL,?)"));
  for (const auto& [name, spec] : begun) {
    VC_TRY(begin.bind(1, name).bind(2, number).bind(3, spec).run());
  }
  return ok_status();
}

Status prune(SqliteDatabase& database, std::int64_t newest) {
  const std::int64_t oldest = newest - kKeptRevisions + 1;
  VC_TRY(SqliteStatement revisions, database.prepare("DELETE FROM revisions WHERE number < ?"));
  VC_TRY(revisions.bind(1, oldest).run());
  VC_TRY(SqliteStatement parts, database.prepare("DELETE FROM desired_parts WHERE until <= ?"));
  return parts.bind(1, oldest).run();
}

Revision revision_in(const SqliteStatement& row) {
  return Revision{.number = row.integer(0),
                  .generation = Generation{static_cast<std::uint64_t>(row.integer(1))},
                  .at = wall_time_of(row.integer(2)),
                  .who = row.text(3),
                  .why = row.text(4),
                  .plan_id = row.text(5),
                  .summary = row.text(6),
                  .outcome = revision_outcome_named(row.text(7))};
}

}  // namespace

Result<std::optional<std::string>> load_newest_document(SqliteDatabase& database) {
  VC_TRY(const std::int64_t newest, newest_number(database));
  if (newest == 0) {
    return std::optional<std::string>();
  }
  VC_TRY(std::optional<KeptRevision> kept, load_revision(database, newest));
  return std::optional<std::string>(std::move(kept->document));
}

Result<Revision> insert_revision(SqliteDatabase& database,
                                 const DesiredState& desired,
                                 const Revision& note) {
  std::map<std::string, std::string> begun = parts_of(desired);
  std::vector<std::string> ended;
  VC_TRY(compare_with_newest(database, begun, ended));
  VC_TRY(const std::int64_t newest, newest_number(database));
  if (begun.empty() && ended.empty()) {
    VC_TRY(const std::optional<KeptRevision> kept, load_revision(database, newest));
    return kept->revision;
  }
  Revision out = note;
  out.number = newest + 1;
  out.outcome = RevisionOutcome::kOpen;
  VC_TRY(SqliteStatement row, database.prepare("INSERT INTO revisions VALUES (?,?,?,?,?,?,?,?)"));
  VC_TRY(row.bind(1, out.number)
             .bind(2, static_cast<std::int64_t>(out.generation.value))
             .bind(3, to_row(out.at))
             .bind(4, out.who)
             .bind(5, out.why)
             .bind(6, out.plan_id)
             .bind(7, out.summary)
             .bind(8, name_of(out.outcome))
             .run());
  VC_TRY(write_parts(database, out.number, begun, ended));
  VC_TRY(prune(database, out.number));
  return out;
}

Status update_revision(SqliteDatabase& database, std::int64_t number, RevisionOutcome outcome) {
  VC_TRY(SqliteStatement row,
         database.prepare("UPDATE revisions SET outcome = ? WHERE number = ?"));
  return row.bind(1, name_of(outcome)).bind(2, number).run();
}

Result<std::vector<Revision>> load_revisions(SqliteDatabase& database,
                                             std::int64_t before,
                                             std::size_t limit) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT * FROM revisions WHERE number < ? ORDER BY number DESC LIMIT ?"));
  row.bind(1, before).bind(2, row_limit(limit));
  std::vector<Revision> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(revision_in(row));
  }
}

Result<std::optional<KeptRevision>> load_revision(SqliteDatabase& database, std::int64_t number) {
  VC_TRY(SqliteStatement row, database.prepare("SELECT * FROM revisions WHERE number = ?"));
  VC_TRY(const bool is_kept, row.bind(1, number).step());
  if (!is_kept) {
    return std::optional<KeptRevision>();
  }
  KeptRevision out{revision_in(row), "", {}};
  VC_TRY(SqliteStatement part,
         database.prepare("SELECT name, spec FROM desired_parts WHERE since <= ?1 AND "
                          "(until IS NULL OR until > ?1) ORDER BY name"));
  part.bind(1, number);
  DocumentWriter document;
  while (true) {
    VC_TRY(const bool more, part.step());
    if (!more) {
      break;
    }
    if (part.is_null(1)) {
      VC_TRY(TenantId tenant, TenantId::parse(part.text(0)));
      out.purged.push_back(std::move(tenant));
    } else {
      document.add(part.text(0), part.text(1));
    }
  }
  out.document = std::move(document).str();
  return std::optional<KeptRevision>(std::move(out));
}

Status update_owners(SqliteDatabase& database,
                     const FieldOwnersChange& change,
                     const Revision& claimed_by) {
  VC_TRY(SqliteStatement drop,
         database.prepare("DELETE FROM field_owners WHERE part = ? AND field = ?"));
  for (const auto& [part, fields] : change.dropped) {
    for (const std::string& field : fields) {
      VC_TRY(drop.bind(1, part).bind(2, field).run());
    }
  }
  VC_TRY(SqliteStatement claim,
         database.prepare("INSERT OR REPLACE INTO field_owners VALUES (?,?,?,?,?,?)"));
  for (const auto& [part, fields] : change.claimed) {
    for (const std::string& field : fields) {
      VC_TRY(claim.bind(1, part)
                 .bind(2, field)
                 .bind(3, claimed_by.number)
                 .bind(4, to_row(claimed_by.at))
                 .bind(5, claimed_by.who)
                 .bind(6, claimed_by.why)
                 .run());
    }
  }
  return ok_status();
}

Result<FieldOwners> load_field_owners(SqliteDatabase& database) {
  VC_TRY(SqliteStatement row, database.prepare("SELECT part, field, revision, at, who, why FROM "
                                               "field_owners"));
  FieldOwners out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out[row.text(0)][row.text(1)] =
        FieldClaim{row.integer(2), wall_time_of(row.integer(3)), row.text(4), row.text(5)};
  }
}

Status forget_in_revisions(SqliteDatabase& database, const TenantId& tenant) {
  VC_TRY(SqliteStatement row,
         database.prepare("UPDATE desired_parts SET spec = NULL WHERE name = ? AND until IS NOT "
                          "NULL"));
  return row.bind(1, tenant.str()).run();
}

}  // namespace voicectl
