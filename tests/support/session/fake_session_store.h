// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "base/units.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// What stays when a fake store dies: the disk of one tenant.
struct FakeStoreDisk {
  std::uint64_t token = 0;
  std::map<std::string, Session> sessions;
  std::vector<SessionEvent> events;
  std::vector<StoredResponse> responses;
  std::map<std::string, KeptRecord> records;
  std::map<std::uint64_t, OutboxEntry> outbox;
  /// Who had each key last, whether it is still there or not.
  std::map<std::string, std::uint64_t> outbox_keys;
  std::uint64_t last_outbox_id = 0;
  std::map<std::string, Customer> customers;
  std::map<std::pair<std::string, std::string>, InboxEntry> inbox;
  /// Of sessions that are no longer kept.
  std::map<std::string, Session> usage;
};

/// A store in memory with the contract of the real ones: outcomes come in a later turn, and after a
/// failure nothing is written until it is opened again.
class FakeSessionStore final : public SessionStore {
 public:
  /// REQUIRES: `reactor` and `disk` outlive it.
  FakeSessionStore(Reactor& reactor, FakeStoreDisk& disk, FencingToken token);

  /// The next commit fails with `error`.
  void fail_next_commit(Error error) { next_failure_ = std::move(error); }
  /// Opening fails with `error` until it is set to nullopt.
  void fail_open(std::optional<Error> error) { open_failure_ = std::move(error); }

  const std::vector<SessionEvent>& events() const { return disk_.events; }

  void open(WallTime now, Completion<StoreContents> done) override;
  void commit(StoreBatch batch, std::function<void(Status)> done) override;
  void list_sessions(SessionQuery query, Completion<SessionPage> done) override;
  void find_session(const SessionId& id, Completion<std::optional<Session>> done) override;
  void find_session_by_call(const std::string& call_id,
                            Completion<std::optional<Session>> done) override;
  void read_session_events(const SessionId& id,
                           std::uint64_t after,
                           std::uint32_t limit,
                           Completion<std::vector<SessionEvent>> done) override;
  void read_tenant_events(std::uint64_t after,
                          std::uint32_t limit,
                          Completion<std::vector<SessionEvent>> done) override;
  void list_outbox(OutboxQuery query, Completion<std::vector<OutboxEntry>> done) override;
  void find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done) override;
  void list_records(RecordQuery query, Completion<std::vector<KeptRecord>> done) override;
  void find_record(const std::string& id, Completion<std::optional<KeptRecord>> done) override;
  void find_customer(const std::string& phone, Completion<std::optional<Customer>> done) override;
  void read_usage(WallTime within, Completion<UsageTotal> done) override;
  void read_analytics(WallTime from, WallTime to, Completion<Analytics> done) override;
  void find_expired(ExpiryQuery query, Completion<Expired> done) override;
  void release(FencingToken next, std::function<void(Status)> done) override;
  void renew(FencingToken token) override { token_ = token; }
  void close(std::function<void()> done) override;

 private:
  template <typename T>
  void answer(Completion<T> done, Result<T> outcome);
  StoreContents contents(WallTime now) const;
  bool is_owed(const std::string& session) const;
  void remove(const Expired& expired);
  Status write(const StoreBatch& batch);

  Reactor& reactor_;
  FakeStoreDisk& disk_;
  FencingToken token_;
  std::optional<Error> broken_;
  std::optional<Error> next_failure_;
  std::optional<Error> open_failure_;
  /// Dies with the store, so that a completion that comes later is dropped.
  std::shared_ptr<FakeSessionStore*> self_;
};

}  // namespace voicectl::runtime
