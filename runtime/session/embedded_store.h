// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "base/units.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// The session store of one host: one SQLite file per tenant.
///
/// Batches that come while a commit runs wait and go into the next transaction together, so that
/// many requests share one flush to the disk.
///
/// Tenants share a helper thread, which works in order. So a store has no more than one commit and
/// a few reads there at a time, and keeps the others back: however much one tenant asks for,
/// another one waits for that many and no more.
class EmbeddedStore final : public SessionStore {
 public:
  /// REQUIRES: `offload` outlives it; only this store uses the file in this process.
  EmbeddedStore(std::string path, FencingToken token, Offload& offload);
  ~EmbeddedStore() override;

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
  void renew(FencingToken token) override;
  void close(std::function<void()> done) override;
  Bytes memory() const override;

 private:
  struct Files;
  struct Pending {
    StoreBatch batch;
    std::function<void(Status)> done;
  };

  template <typename T, typename Work>
  void run(Work work, Completion<T> done);
  template <typename T, typename Work>
  void read(Work work, Completion<T> done);
  template <typename T, typename Work>
  void begin_read(Work work, Completion<T> done);
  /// Begins reads that wait until there are `most` on the helper thread.
  void begin_waiting_reads(std::size_t most);
  void commit_pending();
  void release_if_idle();
  void finish_commit(const std::vector<Pending>& group, const Status& outcome);

  Offload& offload_;
  std::shared_ptr<Files> files_;
  /// Dies with the store, so that a completion that comes later is dropped.
  std::shared_ptr<EmbeddedStore*> self_;
  std::vector<Pending> pending_;
  bool committing_ = false;
  /// Reads that are on the helper thread, and those that are kept back.
  std::size_t reading_ = 0;
  std::deque<std::function<void()>> waiting_reads_;
  /// Lets the next holder in when everything before has been written.
  std::function<void()> release_;
};

}  // namespace voicectl::runtime
