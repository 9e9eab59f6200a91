// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "provisioner/registry/registry.h"
#include "tests/support/faulty.h"

namespace voicectl {

/// A registry whose transactions go as a plan of faults says. What is read always is.
class FaultyRegistry final : public Registry {
 public:
  FaultyRegistry(std::unique_ptr<Registry> inner, FaultPlan& plan)
      : inner_(std::move(inner)), plan_(plan) {}

  Epoch epoch() const override { return inner_->epoch(); }
  const std::string& identity() const override { return inner_->identity(); }
  Result<Snapshot> load() override { return inner_->load(); }
  Result<std::optional<DesiredState>> load_desired() override { return inner_->load_desired(); }
  Result<Revision> accept_desired(const DesiredState& desired,
                                  const Revision& note,
                                  const FieldOwnersChange& owners) override {
    return plan_.run("accept desired",
                     [&] { return inner_->accept_desired(desired, note, owners); });
  }
  Result<FieldOwners> load_owners() override { return inner_->load_owners(); }
  Status append_load(WallTime at,
                     std::chrono::milliseconds watched,
                     const std::vector<LoadRow>& rows,
                     const std::vector<UsageRow>& usage) override {
    return plan_.run("append load", [&] { return inner_->append_load(at, watched, rows, usage); });
  }
  Result<std::vector<WatchedUsage>> read_usage(const UsageSubject& subject,
                                               LoadStep step,
                                               WallTime from,
                                               WallTime until) override {
    return inner_->read_usage(subject, step, from, until);
  }
  Result<std::vector<WatchedStep>> read_load(const TenantId& tenant,
                                             LoadStep step,
                                             WallTime from,
                                             WallTime until) override {
    return inner_->read_load(tenant, step, from, until);
  }
  Result<RecentLoad> read_recent_load(WallTime until, std::size_t count) override {
    return inner_->read_recent_load(until, count);
  }
  Status drop_old_load(WallTime now) override {
    return plan_.run("drop old load", [&] { return inner_->drop_old_load(now); });
  }
  Status close_revision(std::int64_t number, RevisionOutcome outcome) override {
    return plan_.run("close revision", [&] { return inner_->close_revision(number, outcome); });
  }
  Result<std::vector<Revision>> read_revisions(std::int64_t before, std::size_t limit) override {
    return inner_->read_revisions(before, limit);
  }
  Result<std::optional<KeptRevision>> read_revision(std::int64_t number) override {
    return inner_->read_revision(number);
  }
  Result<std::int64_t> append_audit(const AuditRecord& record) override {
    return plan_.run("append audit", [&] { return inner_->append_audit(record); });
  }
  Status close_audit(std::int64_t number,
                     const std::string& result,
                     const std::string& message) override {
    return plan_.run("close audit", [&] { return inner_->close_audit(number, result, message); });
  }
  Result<std::vector<AuditRecord>> read_audit(const AuditFilter& filter) override {
    return inner_->read_audit(filter);
  }
  Result<std::int64_t> append_forecast(const ForecastRecord& record) override {
    return plan_.run("append forecast", [&] { return inner_->append_forecast(record); });
  }
  Status amend_forecast(std::int64_t number, const std::string& outcome) override {
    return plan_.run("amend forecast", [&] { return inner_->amend_forecast(number, outcome); });
  }
  Result<std::vector<ForecastRecord>> read_forecasts(std::int64_t before,
                                                     std::size_t limit) override {
    return inner_->read_forecasts(before, limit);
  }
  Result<std::vector<TimedAction>> read_action_times(std::size_t limit) override {
    return inner_->read_action_times(limit);
  }
  Result<std::vector<std::int64_t>> open_actions(std::vector<JournalEntry> entries) override {
    return plan_.run("open actions", [&] { return inner_->open_actions(std::move(entries)); });
  }
  Result<Generation> close_actions(const std::vector<ClosedAction>& actions) override {
    return plan_.run("close actions", [&] { return inner_->close_actions(actions); });
  }
  Result<std::vector<JournalEntry>> open_intents() override { return inner_->open_intents(); }
  Result<std::int64_t> append_events(std::vector<EventRecord> events) override {
    return plan_.run("append events", [&] { return inner_->append_events(std::move(events)); });
  }
  Result<std::vector<EventRecord>> read_events(std::int64_t after, std::size_t limit) override {
    return inner_->read_events(after, limit);
  }
  Result<std::vector<EventRecord>> latest_events(const std::string& subject,
                                                 const std::string& prefix,
                                                 std::size_t limit) override {
    return inner_->latest_events(subject, prefix, limit);
  }
  Result<std::vector<EventRecord>> latest_events_named(const std::string& name,
                                                       std::size_t limit) override {
    return inner_->latest_events_named(name, limit);
  }
  Status put_api_keys(const std::vector<ApiKeyRecord>& keys) override {
    return plan_.run("put keys", [&] { return inner_->put_api_keys(keys); });
  }
  Status revoke_api_key(const TenantId& tenant, const std::string& key_id, WallTime at) override {
    return plan_.run("revoke key", [&] { return inner_->revoke_api_key(tenant, key_id, at); });
  }
  Status drop_api_key(const TenantId& tenant, const std::string& key_id) override {
    return plan_.run("drop key", [&] { return inner_->drop_api_key(tenant, key_id); });
  }
  Result<std::vector<ApiKeyRecord>> load_api_keys() override { return inner_->load_api_keys(); }
  Status forget_tenant(const TenantId& tenant) override {
    return plan_.run("forget tenant", [&] { return inner_->forget_tenant(tenant); });
  }
  Status put_note(const std::string& name, const std::string& text) override {
    return plan_.run("put note", [&] { return inner_->put_note(name, text); });
  }
  Result<std::optional<std::string>> find_note(const std::string& name) override {
    return inner_->find_note(name);
  }

 private:
  std::unique_ptr<Registry> inner_;
  FaultPlan& plan_;
};

}  // namespace voicectl
