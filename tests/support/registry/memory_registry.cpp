// SPDX-License-Identifier: Apache-2.0
#include "tests/support/registry/memory_registry.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <set>

#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

class MemoryRegistry final : public Registry {
 public:
  explicit MemoryRegistry(std::shared_ptr<RegistryStore> store) : store_(std::move(store)) {
    epoch_ = Epoch{++store_->epoch.value};
  }

  Epoch epoch() const override { return epoch_; }
  const std::string& identity() const override { return store_->identity; }

  Result<Snapshot> load() override {
    VC_TRY(check_epoch());
    Snapshot out = store_->recorded;
    out.epoch = epoch_;
    return out;
  }

  Result<std::optional<DesiredState>> load_desired() override {
    VC_TRY(check_epoch());
    return store_->revisions.empty() ? std::optional<DesiredState>()
                                     : std::optional(*store_->revisions.back().desired);
  }

  Result<Revision> accept_desired(const DesiredState& desired,
                                  const Revision& note,
                                  const FieldOwnersChange& owners) override {
    VC_TRY(check_write());
    auto& kept = store_->revisions;
    if (kept.empty() || !(*kept.back().desired == desired)) {
      insert_revision(desired, note);
    }
    const Revision& accepted = kept.back().revision;
    record_owners(store_->owners, owners,
                  {accepted.number, accepted.at, accepted.who, accepted.why});
    return accepted;
  }

  Result<FieldOwners> load_owners() override {
    VC_TRY(check_epoch());
    return store_->owners;
  }

  Status close_revision(std::int64_t number, RevisionOutcome outcome) override {
    VC_TRY(check_write());
    for (RegistryStore::KeptDesired& kept : store_->revisions) {
      if (kept.revision.number == number) {
        kept.revision.outcome = outcome;
      }
    }
    return ok_status();
  }

  Result<std::int64_t> append_audit(const AuditRecord& record) override {
    VC_TRY(check_write());
    AuditRecord kept = record;
    kept.number = store_->audit.empty() ? 1 : store_->audit.back().number + 1;
    kept.result.clear();
    kept.message.clear();
    store_->audit.push_back(kept);
    return kept.number;
  }

  Status close_audit(std::int64_t number,
                     const std::string& result,
                     const std::string& message) override {
    VC_TRY(check_write());
    for (AuditRecord& record : store_->audit) {
      if (record.number == number && !record.result.empty()) {
        return Error(ErrorCode::kAlreadyExists, "cannot rewrite the audit log: append-only");
      }
      if (record.number == number) {
        record.result = result;
        record.message = message;
      }
    }
    return ok_status();
  }

  Result<std::vector<AuditRecord>> read_audit(const AuditFilter& filter) override {
    VC_TRY(check_epoch());
    std::vector<AuditRecord> out;
    for (auto record = store_->audit.rbegin(); record != store_->audit.rend(); ++record) {
      const bool is_meant = record->number < filter.before &&
                            (!filter.since || record->at >= *filter.since) &&
                            (!filter.until || record->at <= *filter.until) &&
                            (filter.subject.empty() || record->subject == filter.subject);
      if (is_meant && out.size() < filter.limit) {
        out.push_back(*record);
      }
    }
    return out;
  }

  Result<std::int64_t> append_forecast(const ForecastRecord& record) override {
    VC_TRY(check_write());
    auto& kept = store_->forecasts;
    const std::int64_t number = kept.empty() ? 1 : kept.back().number + 1;
    kept.push_back(record);
    kept.back().number = number;
    std::erase_if(kept,
                  [&](const ForecastRecord& old) { return old.number <= number - kKeptForecasts; });
    return number;
  }

  Status amend_forecast(std::int64_t number, const std::string& outcome) override {
    VC_TRY(check_write());
    for (ForecastRecord& kept : store_->forecasts) {
      if (kept.number == number) {
        kept.outcome = outcome;
      }
    }
    return ok_status();
  }

  Result<std::vector<ForecastRecord>> read_forecasts(std::int64_t before,
                                                     std::size_t limit) override {
    VC_TRY(check_epoch());
    std::vector<ForecastRecord> out;
    for (auto kept = store_->forecasts.rbegin(); kept != store_->forecasts.rend(); ++kept) {
      if (kept->number < before && out.size() < limit) {
        out.push_back(*kept);
      }
    }
    return out;
  }

  Result<std::vector<TimedAction>> read_action_times(std::size_t limit) override {
    VC_TRY(check_epoch());
    const auto& all = store_->times;
    const std::size_t shown = std::min(limit, all.size());
    return std::vector<TimedAction>(all.rbegin(),
                                    all.rbegin() + static_cast<std::ptrdiff_t>(shown));
  }

  Status append_load(WallTime at,
                     std::chrono::milliseconds watched,
                     const std::vector<LoadRow>& rows,
                     const std::vector<UsageRow>& usage) override {
    VC_TRY(check_write());
    for (const LoadStep step : kLoadSteps) {
      std::vector<RegistryStore::KeptLoad>& kept = store_->load[step];
      const WallTime began = begin_of(step, at);
      auto place =
          std::find_if(kept.begin(), kept.end(), [&](const auto& one) { return one.at == began; });
      place = place == kept.end() ? kept.insert(kept.end(), {began, {}, {}, {}}) : place;
      place->watched += watched;
      for (const LoadRow& row : rows) {
        if (!store_->recorded.tenants.contains(row.tenant)) {
          continue;
        }
        const auto [known, is_new] = place->rows.try_emplace(row.tenant, row);
        if (!is_new) {
          add_load(known->second, row);
        }
      }
      for (const UsageRow& row : usage) {
        add_usage(place->usage.try_emplace(row.subject, UsageRow{row.subject}).first->second, row);
      }
      if (kept.size() > kept_of(step)) {
        kept.erase(kept.begin());
      }
    }
    return ok_status();
  }

  Result<std::vector<WatchedStep>> read_load(const TenantId& tenant,
                                             LoadStep step,
                                             WallTime from,
                                             WallTime until) override {
    VC_TRY(check_epoch());
    std::vector<WatchedStep> out;
    for (const RegistryStore::KeptLoad& kept : store_->load[step]) {
      if (kept.at >= from && kept.at < until) {
        const auto row = kept.rows.find(tenant);
        out.push_back({kept.at, kept.watched,
                       row == kept.rows.end() ? std::nullopt : std::optional(row->second)});
      }
    }
    std::sort(out.begin(), out.end(),
              [](const WatchedStep& a, const WatchedStep& b) { return a.at < b.at; });
    return out;
  }

  Result<std::vector<WatchedUsage>> read_usage(const UsageSubject& subject,
                                               LoadStep step,
                                               WallTime from,
                                               WallTime until) override {
    VC_TRY(check_epoch());
    std::vector<WatchedUsage> out;
    for (const RegistryStore::KeptLoad& kept : store_->load[step]) {
      if (kept.at >= from && kept.at < until) {
        const auto row = kept.usage.find(subject);
        out.push_back({kept.at, kept.watched,
                       row == kept.usage.end() ? std::nullopt : std::optional(row->second)});
      }
    }
    std::sort(out.begin(), out.end(),
              [](const WatchedUsage& a, const WatchedUsage& b) { return a.at < b.at; });
    return out;
  }

  Result<RecentLoad> read_recent_load(WallTime until, std::size_t count) override {
    VC_TRY(check_epoch());
    const WallTime end = begin_of(LoadStep::kMinute, until);
    std::vector<RegistryStore::KeptLoad> minutes = store_->load[LoadStep::kMinute];
    std::sort(minutes.begin(), minutes.end(),
              [](const auto& a, const auto& b) { return a.at < b.at; });
    RecentLoadTable out(end);
    for (const RegistryStore::KeptLoad& minute : minutes) {
      if (minute.at < first_minute(end, count) || minute.at >= end) {
        continue;
      }
      out.add_minute(minute.at, minute.watched);
      for (const auto& [tenant, row] : minute.rows) {
        out.add_tenant(tenant, row.processor_time);
      }
    }
    return std::move(out).table();
  }

  Status drop_old_load(WallTime now) override {
    VC_TRY(check_write());
    for (auto& [step, kept] : store_->load) {
      std::erase_if(kept, [&, step = step](const RegistryStore::KeptLoad& one) {
        return one.at < kept_since(step, now);
      });
    }
    return ok_status();
  }

  Result<std::vector<Revision>> read_revisions(std::int64_t before, std::size_t limit) override {
    VC_TRY(check_epoch());
    std::vector<Revision> out;
    for (auto kept = store_->revisions.rbegin(); kept != store_->revisions.rend(); ++kept) {
      if (kept->revision.number < before && out.size() < limit) {
        out.push_back(kept->revision);
      }
    }
    return out;
  }

  Result<std::optional<KeptRevision>> read_revision(std::int64_t number) override {
    VC_TRY(check_epoch());
    for (const RegistryStore::KeptDesired& kept : store_->revisions) {
      if (kept.revision.number == number) {
        return std::optional(
            KeptRevision{kept.revision, render_desired_state(*kept.desired), kept.purged});
      }
    }
    return std::optional<KeptRevision>();
  }

  Result<std::vector<std::int64_t>> open_actions(std::vector<JournalEntry> entries) override {
    VC_TRY(check_write());
    std::vector<std::int64_t> numbers;
    for (JournalEntry& entry : entries) {
      entry.number = ++store_->last_entry;
      entry.epoch = epoch_;
      entry.state = JournalState::kIntent;
      entry.outcome.clear();
      numbers.push_back(entry.number);
      store_->journal.push_back(std::move(entry));
    }
    return numbers;
  }

  Result<Generation> close_actions(const std::vector<ClosedAction>& actions) override {
    VC_TRY(check_write());
    if (store_->on_close) {
      VC_TRY(store_->on_close(actions));
    }
    // All are looked for before any is closed: all or nothing.
    std::set<std::int64_t> numbers;
    for (const ClosedAction& action : actions) {
      if (find_open(action.number) == store_->journal.end() ||
          !numbers.insert(action.number).second) {
        return Error(ErrorCode::kNotFound,
                     fmt::format("cannot close journal entry {}: it is not open", action.number));
      }
    }
    bool is_raised = false;
    for (const ClosedAction& action : actions) {
      close(action);
      is_raised = is_raised || has_changes(action.change);
    }
    for (const ClosedAction& action : actions) {
      for (const TenantId& tenant : action.change.drop_tenants) {
        forget_load(*store_, tenant);
      }
    }
    store_->recorded.generation.value += is_raised ? 1 : 0;
    const Generation generation = store_->recorded.generation;
    if (store_->on_recorded) {
      store_->on_recorded();
    }
    return generation;
  }

  Result<std::vector<JournalEntry>> open_intents() override {
    VC_TRY(check_epoch());
    std::vector<JournalEntry> out;
    for (const JournalEntry& entry : store_->journal) {
      if (entry.state == JournalState::kIntent) {
        out.push_back(entry);
      }
    }
    return out;
  }

  Result<std::int64_t> append_events(std::vector<EventRecord> events) override {
    VC_TRY(check_write());
    for (EventRecord& event : events) {
      event.number = ++store_->last_event;
      store_->events.push_back(std::move(event));
    }
    std::erase_if(store_->events, [&](const EventRecord& event) {
      return event.number <= store_->last_event - kKeptEvents;
    });
    return store_->last_event;
  }

  Result<std::vector<EventRecord>> read_events(std::int64_t after, std::size_t limit) override {
    VC_TRY(check_epoch());
    std::vector<EventRecord> out;
    for (const EventRecord& event : store_->events) {
      if (event.number > after && out.size() < limit) {
        out.push_back(event);
      }
    }
    return out;
  }

  Result<std::vector<EventRecord>> latest_events(const std::string& subject,
                                                 const std::string& prefix,
                                                 std::size_t limit) override {
    VC_TRY(check_epoch());
    std::vector<EventRecord> out;
    for (auto event = store_->events.rbegin(); event != store_->events.rend(); ++event) {
      if (event->subject == subject && event->name.starts_with(prefix) && out.size() < limit) {
        out.push_back(*event);
      }
    }
    return out;
  }

  Result<std::vector<EventRecord>> latest_events_named(const std::string& name,
                                                       std::size_t limit) override {
    VC_TRY(check_epoch());
    std::vector<EventRecord> out;
    for (auto event = store_->events.rbegin(); event != store_->events.rend(); ++event) {
      if (event->name == name && out.size() < limit) {
        out.push_back(*event);
      }
    }
    return out;
  }

  Status put_api_keys(const std::vector<ApiKeyRecord>& keys) override {
    VC_TRY(check_write());
    for (const ApiKeyRecord& key : keys) {
      store_->keys.insert_or_assign({key.tenant, key.key_id}, key);
    }
    return ok_status();
  }

  Status revoke_api_key(const TenantId& tenant, const std::string& key_id, WallTime at) override {
    VC_TRY(check_write());
    const auto found = store_->keys.find({tenant, key_id});
    if (found == store_->keys.end()) {
      return no_such_api_key(tenant, key_id);
    }
    found->second.revoked_at = at;
    return ok_status();
  }

  Status drop_api_key(const TenantId& tenant, const std::string& key_id) override {
    VC_TRY(check_write());
    store_->keys.erase({tenant, key_id});
    return ok_status();
  }

  Result<std::vector<ApiKeyRecord>> load_api_keys() override {
    VC_TRY(check_epoch());
    std::vector<ApiKeyRecord> out;
    for (const auto& [name, key] : store_->keys) {
      out.push_back(key);
    }
    return out;
  }

  Status forget_tenant(const TenantId& tenant) override {
    VC_TRY(check_write());
    std::erase_if(store_->journal, [&](const JournalEntry& entry) {
      return entry.state != JournalState::kIntent &&
             speaks_of(tenant, entry.subject, entry.outcome);
    });
    std::erase_if(store_->keys, [&](const auto& key) { return key.first.first == tenant; });
    forget_in_revisions(tenant);
    forget_load(*store_, tenant);
    for (auto& [step, kept] : store_->load) {
      for (RegistryStore::KeptLoad& one : kept) {
        for (const InstanceId& instance : instances_named_after(tenant)) {
          one.usage.erase(instance);
        }
      }
    }
    if (store_->revisions.empty() ||
        find_tenant(*store_->revisions.back().desired, tenant) == nullptr) {
      store_->owners.erase(tenant.str());
    }
    for (PortLease& lease : store_->recorded.leases) {
      if (lease.released_at && lease.holder == "tenant/" + tenant.str()) {
        lease.holder.clear();
      }
    }
    return ok_status();
  }

  Status put_note(const std::string& name, const std::string& text) override {
    VC_TRY(check_write());
    if (store_->on_note) {
      VC_TRY(store_->on_note(name));
    }
    store_->notes.insert_or_assign(name, text);
    return ok_status();
  }

  Result<std::optional<std::string>> find_note(const std::string& name) override {
    VC_TRY(check_epoch());
    const auto found = store_->notes.find(name);
    return found == store_->notes.end() ? std::optional<std::string>() : found->second;
  }

 private:
  void insert_revision(const DesiredState& desired, const Revision& note) {
    auto& kept = store_->revisions;
    Revision revision = note;
    revision.number = kept.empty() ? 1 : kept.back().revision.number + 1;
    revision.outcome = RevisionOutcome::kOpen;
    kept.push_back({revision, std::make_shared<const DesiredState>(desired), {}});
    std::erase_if(kept, [&](const RegistryStore::KeptDesired& old) {
      return old.revision.number <= revision.number - kKeptRevisions;
    });
  }

  void forget_in_revisions(const TenantId& tenant) {
    const auto is_it = [&](const TenantSpec& spec) { return spec.tenant == tenant; };
    for (RegistryStore::KeptDesired& kept : store_->revisions) {
      const bool is_newest = &kept == &store_->revisions.back();
      DesiredState without = *kept.desired;
      if (!is_newest && std::erase_if(without.tenants.edit(), is_it) > 0) {
        kept.desired = std::make_shared<const DesiredState>(std::move(without));
        kept.purged.push_back(tenant);
      }
    }
  }

  Status check_epoch() const {
    if (store_->epoch == epoch_) {
      return ok_status();
    }
    return Error(ErrorCode::kFenced,
                 fmt::format("cannot use the registry: epoch {} has begun", store_->epoch.value));
  }

  Status check_write() const {
    VC_TRY(check_epoch());
    return store_->failure ? Status(*store_->failure) : ok_status();
  }

  std::vector<JournalEntry>::iterator find_open(std::int64_t number) {
    // Numbers ascend; what is forgotten leaves gaps.
    const auto entry = std::lower_bound(
        store_->journal.begin(), store_->journal.end(), number,
        [](const JournalEntry& each, std::int64_t wanted) { return each.number < wanted; });
    const bool is_open = entry != store_->journal.end() && entry->number == number &&
                         entry->state == JournalState::kIntent;
    return is_open ? entry : store_->journal.end();
  }

  void close(const ClosedAction& action) {
    const auto entry = find_open(action.number);
    entry->state = action.state;
    entry->outcome = action.outcome;
    if (action.state == JournalState::kDone && action.time) {
      store_->times.push_back({entry->kind, *action.time});
    }
    record(*store_, action.change);
  }

  static void record(RegistryStore& store, const RecordedChange& change) {
    Snapshot& recorded = store.recorded;
    recorded.platform = change.platform ? change.platform : recorded.platform;
    recorded.edge_fingerprint = change.edge_fingerprint.value_or(recorded.edge_fingerprint);
    recorded.programs = change.programs.value_or(recorded.programs);
    for (const RecordedTenant& tenant : change.put_tenants) {
      recorded.tenants.insert_or_assign(tenant.spec.tenant, tenant);
    }
    for (const TenantId& tenant : change.drop_tenants) {
      recorded.tenants.erase(tenant);
      std::erase_if(store.keys, [&](const auto& key) { return key.first.first == tenant; });
    }
    for (const ApiKeyRecord& key : change.put_api_keys) {
      store.keys.insert_or_assign({key.tenant, key.key_id}, key);
    }
    for (const RecordedInstance& instance : change.put_instances) {
      recorded.instances.insert_or_assign(instance.instance, instance);
    }
    for (const InstanceId& instance : change.drop_instances) {
      recorded.instances.erase(instance);
    }
    for (const PortLease& lease : change.put_leases) {
      drop_lease(recorded, lease.port);
      recorded.leases.push_back(lease);
    }
    for (const Port port : change.drop_leases) {
      drop_lease(recorded, port);
    }
    for (const auto& [path, digest] : change.put_written) {
      recorded.written.erase(path);
      if (!digest.empty()) {
        recorded.written.emplace(path, digest);
      }
    }
    for (const AcceptedDrift& adoption : change.put_adoptions) {
      recorded.adoptions.insert_or_assign(adoption.name, adoption);
    }
    for (const std::string& name : change.drop_adoptions) {
      recorded.adoptions.erase(name);
    }
    std::sort(recorded.leases.begin(), recorded.leases.end(),
              [](const PortLease& a, const PortLease& b) { return a.port < b.port; });
  }

  static void forget_load(RegistryStore& store, const TenantId& tenant) {
    for (auto& [step, kept] : store.load) {
      for (RegistryStore::KeptLoad& one : kept) {
        one.rows.erase(tenant);
      }
    }
  }

  static void drop_lease(Snapshot& recorded, Port port) {
    std::erase_if(recorded.leases, [&](const PortLease& lease) { return lease.port == port; });
  }

  std::shared_ptr<RegistryStore> store_;
  Epoch epoch_;
};

}  // namespace

std::unique_ptr<Registry> open_memory_registry(std::shared_ptr<RegistryStore> store) {
  return std::make_unique<MemoryRegistry>(std::move(store));
}

}  // namespace voicectl
