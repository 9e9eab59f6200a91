// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_index.h"

#include <algorithm>

#include "runtime/redis/redis_values.h"

namespace voicectl::runtime {
void RedisIndex::reset(WallTime opened) {
  *this = RedisIndex();
  all_known_since_ = opened;
}

KnownSession* RedisIndex::find(const SessionId& id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

bool RedisIndex::must_ask(const Session& session) const {
  return !sessions_.contains(session.session) && session.created_at < all_known_since_;
}

void RedisIndex::learn(const Session& stored) {
  KnownSession& known = sessions_[stored.session];
  known.status = stored.status;
  known.created_at = stored.created_at;
  known.call_id = stored.ultravox_call_id;
  known.last_seq = stored.last_seq;
  known.turn_mark = turn_mark(stored);
  known.usage = is_live(stored.status) ? "" : to_redis_text(usage_record(stored));
}

void RedisIndex::learn_absent(const SessionId& id) {
  sessions_.try_emplace(id);
}

void RedisIndex::trim() {
  if (sessions_.size() < trim_at_) {
    return;
  }
  std::erase_if(sessions_, [this](const auto& entry) {
    const KnownSession& known = entry.second;
    const bool is_over = known.status && !is_live(*known.status);
    if (is_over) {
      all_known_since_ =
          std::max(all_known_since_, known.created_at + std::chrono::milliseconds(1));
    }
    return is_over;
  });
  // Those that live stay: with so many to come first, looking through them costs little for each.
  trim_at_ = sessions_.size() + kMostKnown;
}

std::vector<SessionId> RedisIndex::live() const {
  std::vector<SessionId> ids;
  for (const auto& [id, known] : sessions_) {
    if (known.status && is_live(*known.status)) {
      ids.push_back(id);
    }
  }
  return ids;
}

std::set<std::string> RedisIndex::owed() const {
  std::set<std::string> sessions;
  for (const auto& [id, entry] : outbox) {
    sessions.insert(entry.session);
  }
  return sessions;
}

}  // namespace voicectl::runtime
