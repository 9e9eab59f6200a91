// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "runtime/redis/redis_client.h"
#include "runtime/redis/redis_fence.h"
#include "runtime/redis/redis_index.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// What a server says of itself; empty texts where it does not let us ask.
struct RedisSettings {
  std::string appendonly;
  std::string appendfsync;
  std::string maxmemory_policy;
};

/// What a server's configuration puts at risk, for an operator; nullopt if nothing (or nothing is
/// known). The same text for the same server, whoever asks.
std::optional<std::string> redis_risk(const std::string& server, const RedisSettings& settings);

struct OpenedStore {
  StoreContents contents;
  /// The connection that watches, and what the fence counts.
  std::uint64_t connection = 0;
  std::uint64_t writes = 0;
  std::optional<RedisSettings> settings;
};

/// One opening of a tenant's store: look at the fence, take it over, read what is needed in memory.
/// Three round trips.
class RedisOpening : public std::enable_shared_from_this<RedisOpening> {
 public:
  using Done = std::function<void(Result<OpenedStore>)>;
  struct Deps {
    RedisClient& client;
    const RedisKeys& keys;
    const std::vector<RedisFixedKey>& fixed;
    FencingToken token;
    /// As RedisStore::Deps.
    const std::string& owner;
    /// Knows afterwards what was read.
    RedisIndex& index;
  };

  RedisOpening(const Deps& deps, WallTime now) : deps_(deps), now_(now) {}

  /// `done` runs once, in a later turn, unless the object dies first. Call once.
  /// ERRORS: as SessionStore::open; kConflict if the data are of another tenant of that name.
  void start(Done done);

 private:
  using Replies = std::vector<RedisReply>;
  using Step = void (RedisOpening::*)(const Replies& replies);

  void ask(RedisCommands commands, Step next);
  void look();
  void examine(const Replies& replies);
  void take_over();
  Status check_owner(const RedisReply& owner) const;
  void load(const Replies& replies);
  RedisCommands load_commands() const;
  Status take_lists(const Replies& replies);
  Status take_outbox(const RedisReply& values);
  Status take_responses(const Replies& replies, std::size_t first);
  void fetch_documents();
  void finish(const Replies& replies);
  Status take_documents(const Replies& replies);
  Status take_sessions(const RedisReply& texts);
  Status take_bookings(const RedisReply& texts);
  void fail(const Error& error);

  Deps deps_;
  WallTime now_;
  Done done_;
  OpenedStore opened_;
  int tries_ = 0;
  std::vector<std::string> live_;
  /// Live ones first.
  std::vector<std::string> sessions_;
  std::vector<std::string> bookings_;
};

}  // namespace voicectl::runtime
