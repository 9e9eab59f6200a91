// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/redis/redis_commands.h"
#include "runtime/redis/redis_index.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// How long the keys that other programs read stay after the last change.
inline constexpr std::chrono::seconds kPublishedFor{3600};

/// Turns batches that go into one transaction into commands. What several of them change is
/// written once, as it is in the end.
///
/// Nothing it writes can be refused by the server for what is there already: that is looked at
/// here, before anything is sent.
class RedisWriter {
 public:
  /// `out` is empty; its room is used.
  /// REQUIRES: `keys` and `index` outlive it, and `index` knows every session for which `must_ask`
  /// is true.
  RedisWriter(const RedisKeys& keys, RedisIndex& index, RedisCommands out = {})
      : keys_(keys), index_(index), out_(std::move(out)) {
    out_.add({"MULTI"});
  }

  /// REQUIRES: `batch` outlives `finish`.
  /// ERRORS: kAlreadyExists if an event's number or an outbox entry's idempotency key is taken. The
  /// index is of no more use then.
  Status add(const StoreBatch& batch);

  /// MULTI and the commands of all that was added: what a group writes is long, and is not copied.
  RedisCommands finish();

 private:
  struct Touched {
    const Session* session = nullptr;
    KnownSession* known = nullptr;
    WallTime at;
  };

  void note(const Session& session, WallTime at);
  Status write(const std::vector<SessionEvent>& events);
  Status write(const SessionEvent& event);
  void write(const BusinessRecord& record, const SessionId& owner, WallTime at);
  void write(const InboxEntry& entry);
  Status write(const OutboxEntry& entry);
  void write_done(std::uint64_t id);
  void write(const StoredResponse& response);
  void remove(const Expired& expired);
  void write_session(const Touched& touched);
  void publish(const Session& session, KnownSession& known);
  void write_places(const Touched& touched);
  void write_usage(const Session& session, KnownSession& known);
  /// Keys are remembered by where their name lies, which is no place for one that was just made.
  void put(const std::string& key, std::string_view field, std::string_view value);
  void put(std::string&& key, std::string_view field, std::string_view value) = delete;
  void rank(const std::string& key, std::string_view score, std::string_view member);
  void rank(std::string&& key, std::string_view score, std::string_view member) = delete;
  void remove_from_set(const std::string& key, std::string member);
  void remove_from_set(std::string&& key, std::string member) = delete;
  void write_gathered();

  /// By one of the names that `keys_` has.
  template <typename T>
  using ByKey = std::map<const std::string*, T>;

  const RedisKeys& keys_;
  RedisIndex& index_;
  RedisCommands out_;
  /// By their entries in the index.
  std::unordered_map<const KnownSession*, Touched> touched_;
  /// What batches do to one key, gathered into one command: the server answers each of them twice.
  /// Fields of hashes; scores and members of sorted sets; what leaves hashes and sorted sets, which
  /// comes after what enters them.
  ByKey<RedisWords> puts_;
  ByKey<RedisWords> ranks_;
  ByKey<std::vector<std::string>> hash_removals_;
  ByKey<std::vector<std::string>> set_removals_;
  bool moves_outbox_last_ = false;
};

}  // namespace voicectl::runtime
