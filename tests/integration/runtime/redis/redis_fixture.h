// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/redis/redis_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::runtime {

/// One Redis server, and stores on it.
class RedisFixture : public ::testing::Test {
 protected:
  explicit RedisFixture(std::vector<std::string> options = {}) : server_(std::move(options)) {}

  std::unique_ptr<RedisStore> make_store(std::uint64_t token,
                                         const std::string& tenant = "acme",
                                         const std::string& owner = "") {
    return std::make_unique<RedisStore>(RedisStore::Deps{
        loop_.reactor(), random_, server_.client_options(), RedisKeys(*TenantId::parse(tenant)),
        FencingToken{token}, [this](const std::string& warning) { warnings_.push_back(warning); },
        owner});
  }

  /// What a call on a store completes with.
  template <typename T>
  Result<T> outcome_of(const std::function<void(Completion<T>)>& call) {
    std::optional<Result<T>> outcome;
    call([&outcome](Result<T> got) { outcome.emplace(std::move(got)); });
    loop_.run_until([&outcome] { return outcome.has_value(); }, std::chrono::seconds(30));
    return outcome ? std::move(*outcome)
                   : Result<T>(Error(ErrorCode::kInternal, "cannot wait: nothing came"));
  }

  Result<StoreContents> open(RedisStore& store) {
    return outcome_of<StoreContents>(
        [&](Completion<StoreContents> done) { store.open(now_, std::move(done)); });
  }

  /// The outcome is in `outcomes_` later, at the place that is returned.
  std::size_t begin_commit(RedisStore& store, StoreBatch batch) {
    const std::size_t place = outcomes_.size();
    outcomes_.emplace_back();
    store.commit(std::move(batch),
                 [this, place](const Status& outcome) { outcomes_[place] = outcome; });
    return place;
  }

  Status commit(RedisStore& store, StoreBatch batch) {
    const std::size_t place = begin_commit(store, std::move(batch));
    loop_.run_until([&] { return outcomes_[place].has_value(); }, std::chrono::seconds(30));
    return outcomes_[place].value_or(Error(ErrorCode::kInternal, "cannot wait: nothing came"));
  }

  Session a_session(std::uint64_t number,
                    SessionStatus status = SessionStatus::kReady,
                    const std::string& tenant = "acme") const {
    const TenantId owner = *TenantId::parse(tenant);
    Session session(make_session_id(owner, "0123456789ab" + std::to_string(1000 + number)), owner);
    session.status = status;
    session.created_at = now_ + std::chrono::milliseconds(number);
    session.ultravox_call_id = "call-" + std::to_string(number);
    session.last_seq = 1;
    return session;
  }

  /// A session and its first event, which has the tenant-wide number `number`.
  StoreBatch with_event(std::uint64_t number, const std::string& tenant = "acme") const {
    StoreBatch batch;
    batch.at = now_;
    batch.sessions = {a_session(number, SessionStatus::kReady, tenant)};
    batch.events = {{batch.sessions.front().session, 1, number, "session.created", now_, "{}"}};
    return batch;
  }

  /// Numbers of all events of the tenant, as `store` reads them.
  std::vector<std::uint64_t> event_numbers(RedisStore& store) {
    const auto events =
        outcome_of<std::vector<SessionEvent>>([&](Completion<std::vector<SessionEvent>> done) {
          store.read_tenant_events(0, 10'000, std::move(done));
        });
    std::vector<std::uint64_t> numbers;
    if (events.has_value()) {
      for (const SessionEvent& event : *events) {
        numbers.push_back(event.tenant_seq);
      }
    }
    return numbers;
  }

  const WallTime now_ = FixedWallClock().now();
  RedisServer server_;
  RealLoop loop_;
  SeededRandom random_{11};
  RedisConsole console_{loop_, server_};
  std::vector<std::string> warnings_;
  std::vector<std::optional<Status>> outcomes_;
};

}  // namespace voicectl::runtime
