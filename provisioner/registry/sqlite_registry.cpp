// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/sqlite_registry.h"

#include <fmt/core.h>

#include <functional>
#include <optional>
#include <utility>

#include "base/os/file_lock.h"
#include "base/sqlite.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/registry/audit_rows.h"
#include "provisioner/registry/forecast_rows.h"
#include "provisioner/registry/journal_rows.h"
#include "provisioner/registry/load_rows.h"
#include "provisioner/registry/recorded_rows.h"
#include "provisioner/registry/registry_file.h"
#include "provisioner/registry/registry_schema.h"
#include "provisioner/registry/revision_rows.h"
#include "provisioner/registry/usage_rows.h"

namespace voicectl {
namespace {

class SqliteRegistry final : public Registry {
 public:
  SqliteRegistry(std::string path, FileLock lock, SqliteDatabase database)
      : path_(std::move(path)), lock_(std::move(lock)), database_(std::move(database)) {}

  /// REQUIRES: called once, before anything else.
  Status begin_epoch();

  Epoch epoch() const override { return epoch_; }
  const std::string& identity() const override { return identity_; }
  Result<Snapshot> load() override;
  Result<std::optional<DesiredState>> load_desired() override;
  Result<Revision> accept_desired(const DesiredState& desired,
                                  const Revision& note,
                                  const FieldOwnersChange& owners) override;
  Result<FieldOwners> load_owners() override;
  Status close_revision(std::int64_t number, RevisionOutcome outcome) override;
  Result<std::int64_t> append_audit(const AuditRecord& record) override;
  Status close_audit(std::int64_t number,
                     const std::string& result,
                     const std::string& message) override;
  Result<std::vector<AuditRecord>> read_audit(const AuditFilter& filter) override;
  Result<std::vector<Revision>> read_revisions(std::int64_t before, std::size_t limit) override;
  Result<std::optional<KeptRevision>> read_revision(std::int64_t number) override;
  Result<std::int64_t> append_forecast(const ForecastRecord& record) override;
  Status amend_forecast(std::int64_t number, const std::string& outcome) override;
  Result<std::vector<ForecastRecord>> read_forecasts(std::int64_t before,
                                                     std::size_t limit) override;
  Result<std::vector<TimedAction>> read_action_times(std::size_t limit) override;
  Status append_load(WallTime at,
                     std::chrono::milliseconds watched,
                     const std::vector<LoadRow>& rows,
                     const std::vector<UsageRow>& usage) override;
  Result<std::vector<WatchedStep>> read_load(const TenantId& tenant,
                                             LoadStep step,
                                             WallTime from,
                                             WallTime until) override;
  Result<std::vector<WatchedUsage>> read_usage(const UsageSubject& subject,
                                               LoadStep step,
                                               WallTime from,
                                               WallTime until) override;
  Result<RecentLoad> read_recent_load(WallTime until, std::size_t count) override;
  Status drop_old_load(WallTime now) override;
  Result<std::vector<std::int64_t>> open_actions(std::vector<JournalEntry> entries) override;
  Result<Generation> close_actions(const std::vector<ClosedAction>& actions) override;
  Result<std::vector<JournalEntry>> open_intents() override;
  Result<std::int64_t> append_events(std::vector<EventRecord> events) override;
  Result<std::vector<EventRecord>> read_events(std::int64_t after, std::size_t limit) override;
  Result<std::vector<EventRecord>> latest_events(const std::string& subject,
                                                 const std::string& prefix,
                                                 std::size_t limit) override;
  Result<std::vector<EventRecord>> latest_events_named(const std::string& name,
                                                       std::size_t limit) override;
  Status put_api_keys(const std::vector<ApiKeyRecord>& keys) override;
  Status revoke_api_key(const TenantId& tenant, const std::string& key_id, WallTime at) override;
  Status drop_api_key(const TenantId& tenant, const std::string& key_id) override;
  Result<std::vector<ApiKeyRecord>> load_api_keys() override;
  Status forget_tenant(const TenantId& tenant) override;
  Status put_note(const std::string& name, const std::string& text) override;
  Result<std::optional<std::string>> find_note(const std::string& name) override;

 private:
  /// Runs `body` as one transaction of our epoch.
  Status transact(const std::function<Status()>& body);
  /// The same for a body with a value.
  template <typename T>
  Result<T> transact_for(const std::function<Result<T>()>& body);
  Status check_epoch();
  Result<Generation> raise_generation(const std::vector<ClosedAction>& actions);
  Status load_platform_state(Snapshot& snapshot);

  std::string path_;
  FileLock lock_;
  SqliteDatabase database_;
  Epoch epoch_;
  std::string identity_;
  /// Set once the disk has failed in a way after which nothing can be promised.
  std::optional<Error> broken_;
};

Status SqliteRegistry::begin_epoch() {
  return database_.in_transaction([this]() -> Status {
    VC_TRY(SqliteStatement row,
           database_.prepare("UPDATE platform_state SET epoch = epoch + 1 RETURNING epoch, "
                             "identity"));
    VC_TRY(const bool has_row, row.step());
    if (!has_row) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("cannot use registry '{}': its state is missing", path_));
    }
    epoch_ = Epoch{static_cast<std::uint64_t>(row.integer(0))};
    identity_ = row.text(1);
    return row.run();
  });
}

Status SqliteRegistry::check_epoch() {
  VC_TRY(SqliteStatement row, database_.prepare("SELECT epoch FROM platform_state"));
  VC_TRY(const bool has_row, row.step());
  const std::int64_t newest = has_row ? row.integer(0) : 0;
  if (newest == static_cast<std::int64_t>(epoch_.value)) {
    return ok_status();
  }
  return Error(ErrorCode::kFenced,
               fmt::format("cannot use registry '{}' any more: epoch {} has ended, {} has begun; "
                           "stop this daemon",
                           path_, epoch_.value, newest));
}

Status SqliteRegistry::transact(const std::function<Status()>& body) {
  if (broken_) {
    return *broken_;
  }
  Status outcome = database_.in_transaction([&]() -> Status {
    VC_TRY(check_epoch());
    return body();
  });
  if (outcome.has_value()) {
    return outcome;
  }
  const Error error = outcome.error();
  if (error.code() == ErrorCode::kInternal) {
    // After a failed fsync the kernel may have dropped the pages and a second one would succeed.
    broken_ = error.with_context(
        fmt::format("registry '{}' is out of use until the daemon is started again", path_));
    return *broken_;
  }
  return error.with_context(fmt::format("registry '{}'", path_));
}

template <typename T>
Result<T> SqliteRegistry::transact_for(const std::function<Result<T>()>& body) {
  std::optional<T> value;
  VC_TRY(transact([&]() -> Status {
    VC_TRY(value, body());
    return ok_status();
  }));
  return *std::move(value);
}

Status SqliteRegistry::load_platform_state(Snapshot& snapshot) {
  VC_TRY(SqliteStatement row,
         database_.prepare("SELECT generation, edge_fingerprint, platform, programs FROM "
                           "platform_state"));
  VC_TRY(const bool has_row, row.step());
  if (!has_row) {
    return Error(ErrorCode::kCorrupt, "cannot load the platform's state: it is missing");
  }
  snapshot.epoch = epoch_;
  snapshot.generation = Generation{static_cast<std::uint64_t>(row.integer(0))};
  snapshot.edge_fingerprint = row.text(1);
  if (!row.is_null(2)) {
    const Result<PlatformSpec> platform = parse_platform(row.text(2));
    if (platform.has_error()) {
      return Error(ErrorCode::kCorrupt, platform.error().text());
    }
    snapshot.platform = *platform;
  }
  if (!row.is_null(3)) {
    VC_TRY(snapshot.programs, parse_programs(row.text(3)));
  }
  return ok_status();
}

Result<Snapshot> SqliteRegistry::load() {
  return transact_for<Snapshot>([this]() -> Result<Snapshot> {
    Snapshot snapshot;
    VC_TRY(load_platform_state(snapshot));
    VC_TRY(load_records(database_, snapshot));
    return snapshot;
  });
}

Result<std::optional<DesiredState>> SqliteRegistry::load_desired() {
  using Found = std::optional<DesiredState>;
  return transact_for<Found>([this]() -> Result<Found> {
    VC_TRY(const std::optional<std::string> document, load_newest_document(database_));
    if (!document) {
      return Found();
    }
    const auto no_files = [](const std::string& path) -> Result<std::string> {
      return Error(ErrorCode::kNotFound,
                   fmt::format("cannot read '{}': the registry holds whole documents", path));
    };
    ParsedState parsed =
        parse_desired_state({SourceText{"registry", *document}}, no_files, kOwnDocumentBudget);
    if (!parsed.ok()) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("cannot load the desired state: {}", parsed.problems.front().str()));
    }
    return Found(std::move(parsed.state));
  });
}

Result<Revision> SqliteRegistry::accept_desired(const DesiredState& desired,
                                                const Revision& note,
                                                const FieldOwnersChange& owners) {
  return transact_for<Revision>([&]() -> Result<Revision> {
    VC_TRY(Revision accepted, insert_revision(database_, desired, note));
    VC_TRY(update_owners(database_, owners, accepted));
    return accepted;
  });
}

Result<FieldOwners> SqliteRegistry::load_owners() {
  return transact_for<FieldOwners>([this] { return load_field_owners(database_); });
}

Status SqliteRegistry::close_revision(std::int64_t number, RevisionOutcome outcome) {
  return transact([&] { return update_revision(database_, number, outcome); });
}

Result<std::int64_t> SqliteRegistry::append_audit(const AuditRecord& record) {
  return transact_for<std::int64_t>([&] { return insert_audit(database_, record); });
}

Status SqliteRegistry::close_audit(std::int64_t number,
                                   const std::string& result,
                                   const std::string& message) {
  return transact([&] { return close_audit_row(database_, number, result, message); });
}

Result<std::vector<AuditRecord>> SqliteRegistry::read_audit(const AuditFilter& filter) {
  return transact_for<std::vector<AuditRecord>>([&] { return load_audit(database_, filter); });
}

Result<std::vector<Revision>> SqliteRegistry::read_revisions(std::int64_t before,
                                                             std::size_t limit) {
  return transact_for<std::vector<Revision>>(
      [&] { return load_revisions(database_, before, limit); });
}

Result<std::optional<KeptRevision>> SqliteRegistry::read_revision(std::int64_t number) {
  return transact_for<std::optional<KeptRevision>>(
      [&] { return load_revision(database_, number); });
}

Result<std::int64_t> SqliteRegistry::append_forecast(const ForecastRecord& record) {
  return transact_for<std::int64_t>([&] { return insert_forecast(database_, record); });
}

Status SqliteRegistry::amend_forecast(std::int64_t number, const std::string& outcome) {
  return transact([&] { return update_forecast(database_, number, outcome); });
}

Result<std::vector<ForecastRecord>> SqliteRegistry::read_forecasts(std::int64_t before,
                                                                   std::size_t limit) {
  return transact_for<std::vector<ForecastRecord>>(
      [&] { return load_forecasts(database_, before, limit); });
}

Result<std::vector<TimedAction>> SqliteRegistry::read_action_times(std::size_t limit) {
  return transact_for<std::vector<TimedAction>>(
      [&] { return load_action_times(database_, limit); });
}

Status SqliteRegistry::append_load(WallTime at,
                                   std::chrono::milliseconds watched,
                                   const std::vector<LoadRow>& rows,
                                   const std::vector<UsageRow>& usage) {
  return transact([&] { return add_load_rows(database_, at, watched, rows, usage); });
}

Result<std::vector<WatchedStep>> SqliteRegistry::read_load(const TenantId& tenant,
                                                           LoadStep step,
                                                           WallTime from,
                                                           WallTime until) {
  return transact_for<std::vector<WatchedStep>>(
      [&] { return load_watched_steps(database_, tenant, step, from, until); });
}

Result<std::vector<WatchedUsage>> SqliteRegistry::read_usage(const UsageSubject& subject,
                                                             LoadStep step,
                                                             WallTime from,
                                                             WallTime until) {
  return transact_for<std::vector<WatchedUsage>>(
      [&] { return load_watched_usage(database_, subject, step, from, until); });
}

Result<RecentLoad> SqliteRegistry::read_recent_load(WallTime until, std::size_t count) {
  return transact_for<RecentLoad>([&] { return load_recent_load(database_, until, count); });
}

Status SqliteRegistry::drop_old_load(WallTime now) {
  return transact([&] { return drop_old_load_rows(database_, now); });
}

Result<std::vector<std::int64_t>> SqliteRegistry::open_actions(std::vector<JournalEntry> entries) {
  return transact_for<std::vector<std::int64_t>>(
      [&] { return insert_intents(database_, entries, epoch_); });
}

Result<Generation> SqliteRegistry::raise_generation(const std::vector<ClosedAction>& actions) {
  bool is_raised = false;
  for (const ClosedAction& action : actions) {
    is_raised = is_raised || has_changes(action.change);
  }
  VC_TRY(SqliteStatement row,
         database_.prepare("UPDATE platform_state SET generation = generation + ? "
                           "RETURNING generation"));
  VC_TRY(const bool has_row, row.bind(1, is_raised ? std::int64_t{1} : std::int64_t{0}).step());
  const Generation generation{has_row ? static_cast<std::uint64_t>(row.integer(0)) : 0};
  VC_TRY(row.run());
  return generation;
}

Result<Generation> SqliteRegistry::close_actions(const std::vector<ClosedAction>& actions) {
  return transact_for<Generation>([&]() -> Result<Generation> {
    std::vector<TenantId> dropped;
    for (const ClosedAction& action : actions) {
      VC_TRY(close_intent(database_, action));
      VC_TRY(write_change(database_, action.change));
      const std::vector<TenantId>& gone = action.change.drop_tenants;
      dropped.insert(dropped.end(), gone.begin(), gone.end());
    }
    VC_TRY(forget_load(database_, dropped));
    VC_TRY(prune_journal(database_));
    return raise_generation(actions);
  });
}

Result<std::vector<JournalEntry>> SqliteRegistry::open_intents() {
  return transact_for<std::vector<JournalEntry>>([this] { return load_open_intents(database_); });
}

Result<std::int64_t> SqliteRegistry::append_events(std::vector<EventRecord> events) {
  return transact_for<std::int64_t>([&] { return insert_events(database_, events); });
}

Result<std::vector<EventRecord>> SqliteRegistry::read_events(std::int64_t after,
                                                             std::size_t limit) {
  return transact_for<std::vector<EventRecord>>(
      [&] { return load_events(database_, after, limit); });
}

Result<std::vector<EventRecord>> SqliteRegistry::latest_events(const std::string& subject,
                                                               const std::string& prefix,
                                                               std::size_t limit) {
  return transact_for<std::vector<EventRecord>>(
      [&] { return load_latest_events(database_, subject, prefix, limit); });
}

Result<std::vector<EventRecord>> SqliteRegistry::latest_events_named(const std::string& name,
                                                                     std::size_t limit) {
  return transact_for<std::vector<EventRecord>>(
      [&] { return load_latest_events_named(database_, name, limit); });
}

Status SqliteRegistry::put_api_keys(const std::vector<ApiKeyRecord>& keys) {
  return transact([&]() -> Status {
    for (const ApiKeyRecord& key : keys) {
      VC_TRY(write_api_key(database_, key));
    }
    return ok_status();
  });
}

Status SqliteRegistry::revoke_api_key(const TenantId& tenant,
                                      const std::string& key_id,
                                      WallTime at) {
  return transact([&]() -> Status {
    VC_TRY(SqliteStatement row,
           database_.prepare("UPDATE api_keys SET revoked_at = ? WHERE tenant = ? AND key_id = ?"));
    VC_TRY(const std::int64_t revoked,
           row.bind(1, to_row(at)).bind(2, tenant.str()).bind(3, key_id).run_counted());
    return revoked > 0 ? ok_status() : Status(no_such_api_key(tenant, key_id));
  });
}

Status SqliteRegistry::drop_api_key(const TenantId& tenant, const std::string& key_id) {
  return transact([&]() -> Status {
    VC_TRY(SqliteStatement row,
           database_.prepare("DELETE FROM api_keys WHERE tenant = ? AND key_id = ?"));
    return row.bind(1, tenant.str()).bind(2, key_id).run();
  });
}

Result<std::vector<ApiKeyRecord>> SqliteRegistry::load_api_keys() {
  return transact_for<std::vector<ApiKeyRecord>>([this] { return read_api_keys(database_); });
}

Status SqliteRegistry::forget_tenant(const TenantId& tenant) {
  VC_TRY(transact([&]() -> Status {
    const std::string& slug = tenant.str();
    VC_TRY(forget_in_journal(database_, tenant));
    VC_TRY(SqliteStatement keys, database_.prepare("DELETE FROM api_keys WHERE tenant = ?"));
    VC_TRY(keys.bind(1, slug).run());
    VC_TRY(forget_in_revisions(database_, tenant));
    VC_TRY(forget_load(database_, {tenant}));
    VC_TRY(forget_usage(database_, tenant));
    // That it is to stay away. A new one of that name, which may not be there yet, keeps its own.
    VC_TRY(SqliteStatement owners,
           database_.prepare("DELETE FROM field_owners WHERE part = ?1 AND NOT EXISTS (SELECT 1 "
                             "FROM desired_parts WHERE name = ?1 AND until IS NULL)"));
    VC_TRY(owners.bind(1, slug).run());
    VC_TRY(
        SqliteStatement leases,
        database_.prepare("UPDATE leases SET holder = '' WHERE holder = ? AND released_at IS NOT "
                          "NULL"));
    return leases.bind(1, "tenant/" + slug).run();
  }));
  // Old pages stand in the log until it begins anew.
  return database_.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

Status SqliteRegistry::put_note(const std::string& name, const std::string& text) {
  return transact([&]() -> Status {
    VC_TRY(SqliteStatement row, database_.prepare("INSERT OR REPLACE INTO notes VALUES (?,?)"));
    return row.bind(1, name).bind(2, text).run();
  });
}

Result<std::optional<std::string>> SqliteRegistry::find_note(const std::string& name) {
  using Found = std::optional<std::string>;
  return transact_for<Found>([&]() -> Result<Found> {
    VC_TRY(SqliteStatement row, database_.prepare("SELECT text FROM notes WHERE name = ?"));
    VC_TRY(const bool has_row, row.bind(1, name).step());
    return has_row ? Found(row.text(0)) : Found();
  });
}

}  // namespace

Result<std::unique_ptr<Registry>> open_sqlite_registry(const std::string& path) {
  VC_TRY(FileLock lock, FileLock::take(path + ".lock"));
  VC_TRY(make_registry_file(path));
  VC_TRY(SqliteDatabase database, SqliteDatabase::open(path));
  VC_TRY(check_registry_pages(database, path));
  VC_TRY(database.migrate(registry_migrations()));
  auto registry = std::make_unique<SqliteRegistry>(path, std::move(lock), std::move(database));
  VC_TRY(registry->begin_epoch());
  return std::unique_ptr<Registry>(std::move(registry));
}

}  // namespace voicectl
