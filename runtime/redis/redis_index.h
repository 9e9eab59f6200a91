// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "runtime/session/session.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

/// What is known of a session that is on the server, so that writing it again changes its places in
/// lists and counts exactly, without a question before.
struct KnownSession {
  /// As it was written last; absent if it never was.
  std::optional<SessionStatus> status;
  WallTime created_at;
  std::string call_id;
  /// Of its last event.
  std::uint64_t last_seq = 0;
  /// Of its last tool call that became a turn.
  std::size_t turn_mark = 0;
  /// Its usage record's text; empty while it lives.
  std::string usage;
  /// Of what its context was made.
  std::size_t context_mark = 0;
  std::deque<std::string> turns;
};

/// The memory of a RedisStore: true from opening to the next failure, because nobody else writes.
class RedisIndex {
 public:
  /// Nothing is known yet; sessions created at or after `opened` are new until they are written.
  void reset(WallTime opened);

  KnownSession* find(const SessionId& id);
  /// Whether the server has to be asked what it has of this session before it can be written.
  bool must_ask(const Session& session) const;
  /// A session as the server has it.
  void learn(const Session& stored);
  /// The server has none of that name.
  void learn_absent(const SessionId& id);
  /// Its entry, a new one if it is new. Stays where it is until `trim`.
  KnownSession& at(const Session& session) { return sessions_[session.session]; }
  /// Forgets sessions that are over if there are many.
  void trim();

  struct KnownEntry {
    OutboxEntry::State state = OutboxEntry::State::kPending;
    std::string idempotency_key;
    std::string session;
  };
  std::unordered_map<std::uint64_t, KnownEntry> outbox;
  /// Which entry has the key.
  std::unordered_map<std::string, std::uint64_t> outbox_keys;
  std::uint64_t last_outbox_id = 0;
  std::uint64_t last_tenant_seq = 0;
  /// Minutes whose answers are known to go away by themselves.
  std::int64_t expiring_minute = -1;

  /// Sessions that live.
  std::vector<SessionId> live() const;
  /// Sessions that an entry of the outbox is for.
  std::set<std::string> owed() const;
  /// It is no longer on the server.
  void forget(const SessionId& gone) { sessions_.erase(gone); }

 private:
  /// Sessions that come before those that are over are forgotten. More than end in the time in
  /// which something may still come for them, less than what would be felt: about 200 bytes each.
  static constexpr std::size_t kMostKnown = 20'000;

  /// So many sessions are known before those that are over are looked for.
  std::size_t trim_at_ = kMostKnown;
  /// Sessions created before this and not known have to be asked for.
  WallTime all_known_since_;
  std::unordered_map<SessionId, KnownSession> sessions_;
};

}  // namespace voicectl::runtime
