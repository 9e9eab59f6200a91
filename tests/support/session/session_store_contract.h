// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "runtime/session/session_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {

/// One tenant's place to keep sessions in, empty at first, and a loop that serves its stores.
class SessionStoreWorld {
 public:
  virtual ~SessionStoreWorld() = default;
  /// A store on this world's place. Several may exist; the one with the highest token holds it.
  virtual std::unique_ptr<SessionStore> make(FencingToken token) = 0;
  /// Runs the loop until `done` says so.
  virtual void run_until(const std::function<bool()>& done) = 0;
};

/// What the tests of every SessionStore share; see contract_session_store.h.
class SessionStoreContract
    : public ::testing::TestWithParam<std::unique_ptr<SessionStoreWorld> (*)()> {
 protected:
  void SetUp() override {
    store_ = world_->make(FencingToken{1});
    ASSERT_THAT(open(*store_), IsOk());
  }

  /// What a call on a store completes with.
  template <typename T>
  Result<T> outcome_of(const std::function<void(Completion<T>)>& call) {
    std::optional<Result<T>> outcome;
    call([&outcome](Result<T> got) { outcome.emplace(std::move(got)); });
    world_->run_until([&outcome] { return outcome.has_value(); });
    return std::move(*outcome);
  }

  Result<StoreContents> open(SessionStore& store, WallTime now = FixedWallClock().now()) {
    return outcome_of<StoreContents>(
        [&](Completion<StoreContents> done) { store.open(now, std::move(done)); });
  }

  Status commit(SessionStore& store, StoreBatch batch) {
    std::optional<Status> outcome;
    store.commit(std::move(batch), [&outcome](Status got) { outcome.emplace(std::move(got)); });
    world_->run_until([&outcome] { return outcome.has_value(); });
    return *outcome;
  }

  /// The place as a process finds it that comes after a kill.
  Result<StoreContents> contents_after_kill() {
    store_.reset();
    store_ = world_->make(FencingToken{++token_});
    return open(*store_);
  }

  Session a_session(std::uint64_t number, SessionStatus status = SessionStatus::kReady) const {
    Session session(make_session_id(tenant_, "0123456789ab" + std::to_string(1000 + number)),
                    tenant_);
    session.status = status;
    session.created_at = now_ + std::chrono::milliseconds(number);
    session.ultravox_call_id = "call-" + std::to_string(number);
    return session;
  }

  StoreBatch with(Session session) const {
    StoreBatch batch;
    batch.at = now_;
    batch.sessions.push_back(std::move(session));
    return batch;
  }

  /// A session and its first event, which has the tenant-wide number `number`.
  StoreBatch with_event(std::uint64_t number) const {
    StoreBatch batch = with(a_session(number));
    batch.events = {
        {batch.sessions.front().session, 1, number, "session.created", now_, R"({"a":"ä\u0000"})"}};
    return batch;
  }

  static OutboxEntry an_entry(std::uint64_t id) {
    OutboxEntry entry;
    entry.id = id;
    entry.session = "acme_0123456789ab1001";
    entry.kind = "erpnext.place_order";
    entry.idempotency_key = "key-" + std::to_string(id);
    entry.payload = R"({"items":[]})";
    entry.created_at = entry.next_attempt = FixedWallClock().now();
    return entry;
  }

  const TenantId tenant_ = *TenantId::parse("acme");
  const WallTime now_ = FixedWallClock().now();
  std::uint64_t token_ = 1;
  std::unique_ptr<SessionStoreWorld> world_ = GetParam()();
  std::unique_ptr<SessionStore> store_;
};

}  // namespace voicectl::runtime
