// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/units.h"
#include "runtime/redis/redis_client.h"
#include "runtime/redis/redis_index.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

class RedisOpening;
class RedisReads;
struct OpenedStore;
struct RedisFence;

/// The session store for platforms of several hosts: one Redis server.
///
/// Batches that come while a transaction is under way wait and go into the next one together; a
/// transaction costs one round trip. It is MULTI and EXEC behind a WATCH on the fence and on all
/// keys that a tenant has once, so a transaction in which anybody else had a hand is no
/// transaction at all. The fence counts the transactions: when a connection is lost with one under
/// way, the count says whether it was carried out, and it is told, sent again or given up
/// accordingly, but never done twice.
///
/// An acknowledged batch is as durable as the server makes it: with `appendonly yes` and
/// `appendfsync always` it survives loss of power; with `everysec` the last two seconds may be
/// lost; without `appendonly` everything since the server's last snapshot.
class RedisStore final : public SessionStore {
 public:
  struct Deps {
    AsioReactor& reactor;
    Random& random;
    RedisOptions redis;
    RedisKeys keys;
    FencingToken token;
    /// Hears, at most once, what the server's configuration puts at risk.
    std::function<void(const std::string& warning)> on_warning;
    /// Tells this tenant from an earlier one of its name; empty: not told.
    std::string owner = {};
    /// How often what other programs read is kept alive for sessions that are quiet. Twice in its
    /// life, so that one lost try does not end it.
    Duration refresh_interval = std::chrono::minutes(20);
  };

  /// REQUIRES: what `deps` refers to outlives it.
  explicit RedisStore(Deps deps);
  ~RedisStore() override;

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
  /// The next holder's opening is what fences us; here it is only waited for what is under way.
  void release(FencingToken next, std::function<void(Status)> done) override;
  void renew(FencingToken token) override { deps_.token = token; }
  void close(std::function<void()> done) override;

 private:
  using Replies = std::vector<RedisReply>;
  struct Pending {
    StoreBatch batch;
    std::function<void(Status)> done;
  };
  /// Batches that become durable together.
  struct Group {
    std::vector<Pending> batches;
    /// Empty while they are on their way.
    RedisCommands commands;
    int tries = 0;
  };

  template <typename T, typename Read>
  void read(Completion<T> done, Read read);
  void finish_open(Result<OpenedStore> opened, const Completion<StoreContents>& done);
  void send_next();
  /// Asks for sessions that are not at hand and are written again; then builds and sends.
  void ask_unknown();
  Status learn_asked(const std::vector<SessionId>& asked, const Replies& replies);
  void build();
  void transmit();
  void take_answer(const RedisAnswer& answer);
  /// Looks whether the group was carried out, and puts up the watch for the next try.
  void examine(const Error& why);
  void go_on_with(const Result<std::optional<RedisFence>>& found);
  void succeed();
  void break_down(const Error& error);
  void refresh_published();

  Deps deps_;
  std::vector<RedisFixedKey> fixed_;
  RedisClient client_;
  RedisIndex index_;
  /// From the first opening on.
  std::unique_ptr<RedisReads> reads_;
  bool is_closed_ = false;
  std::shared_ptr<RedisOpening> opening_;
  /// Why nothing may be written until it is opened again.
  std::optional<Error> broken_;
  /// The connection that watches; another one means that the fence has to be looked at first.
  std::uint64_t connection_ = 0;
  /// Transactions the fence counts.
  std::uint64_t writes_ = 0;
  /// Grows with every opening and failure: answers from before it are old news.
  std::uint64_t era_ = 0;
  std::vector<Pending> pending_;
  std::shared_ptr<Group> group_;
  /// Of a group that is done: its room is taken for the next one.
  RedisCommands spare_;
  std::function<void()> on_idle_;
  std::optional<TimerId> refresh_timer_;
  /// Dies with the store, so that a task that comes later is dropped.
  std::shared_ptr<RedisStore*> self_;
};

}  // namespace voicectl::runtime
