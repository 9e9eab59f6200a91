// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/redis/redis_client.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// The reading half of a RedisStore; each is a read of SessionStore. Reads change nothing, so one
/// whose connection is lost is asked again, once.
class RedisReads {
 public:
  /// REQUIRES: both outlive it.
  RedisReads(RedisClient& client, const RedisKeys& keys) : client_(client), keys_(keys) {}

  void list_sessions(const SessionQuery& query, Completion<SessionPage> done);
  void find_session(const std::string& id, Completion<std::optional<Session>> done);
  void find_session_by_call(const std::string& call_id, Completion<std::optional<Session>> done);
  void read_session_events(const SessionId& id,
                           std::uint64_t after,
                           std::uint32_t limit,
                           Completion<std::vector<SessionEvent>> done);
  void read_tenant_events(std::uint64_t after,
                          std::uint32_t limit,
                          Completion<std::vector<SessionEvent>> done);
  void list_outbox(const OutboxQuery& query, Completion<std::vector<OutboxEntry>> done);
  void find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done);
  void list_records(const RecordQuery& query, Completion<std::vector<KeptRecord>> done);
  void find_record(const std::string& id, Completion<std::optional<KeptRecord>> done);
  void find_customer(const std::string& phone, Completion<std::optional<Customer>> done);
  void read_usage(WallTime within, Completion<UsageTotal> done);
  void read_analytics(WallTime from, WallTime to, Completion<Analytics> done);
  /// `owed`: sessions that stay because of the outbox.
  void find_expired(const ExpiryQuery& query,
                    const std::set<std::string>& owed,
                    Completion<Expired> done);

 private:
  using Replies = std::vector<RedisReply>;
  enum class Retry { kOnce, kNever };
  /// A list of records that grows page by page.
  struct RecordScan;
  struct ExpiryScan;

  void ask(RedisCommands commands, Completion<Replies> done, Retry retry = Retry::kOnce);
  /// `make` turns the replies into the answer.
  template <typename T, typename Make>
  void ask_for(RedisCommands commands, Completion<T> done, Make make);
  /// The values of a hash, in the order of `fields`; those that are gone are left out.
  template <typename T>
  void fetch(const std::string& hash,
             const std::vector<std::string>& fields,
             Completion<std::vector<T>> done);
  void find_expired_sessions(const std::shared_ptr<ExpiryScan>& scan);
  void scan_records(const std::shared_ptr<RecordScan>& scan);
  /// What every session of the months comes to that is over, or lives.
  void collect_usage(const std::vector<std::string>& months, Completion<Replies> done);

  RedisClient& client_;
  const RedisKeys& keys_;
};

}  // namespace voicectl::runtime
