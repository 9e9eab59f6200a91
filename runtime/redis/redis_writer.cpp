// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "runtime/redis/redis_values.h"

namespace voicectl::runtime {
namespace {

/// Turns of a conversation that are kept, and their bytes: the context is written whole with each.
constexpr std::size_t kMostTurns = 50;
constexpr std::size_t kMostTurnsBytes = 4096;

/// How long the answers of a minute stay: longer than an answer is wanted, whatever the clocks say.
constexpr std::chrono::seconds kMinuteKept{1800};
static_assert(kMinuteKept > kResponsesKept + std::chrono::minutes(2));

bool counts(const std::optional<SessionStatus>& status) {
  return status && *status != SessionStatus::kFailed;
}

bool is_over(const std::optional<SessionStatus>& status) {
  return status && !is_live(*status);
}

/// REQUIRES: the turn was remembered.
std::size_t context_mark(const Session& session, const KnownSession& known) {
  const std::hash<std::string> hash;
  const std::size_t turn = session.last_tool_call ? known.turn_mark : 0;
  return hash(session.step) ^ (hash(session.extracted_data) << 1U) ^ (turn << 2U) ^ 1U;
}

void remember_turn(const Session& session, KnownSession& known) {
  const std::size_t mark = turn_mark(session);
  if (!session.last_tool_call || mark == known.turn_mark) {
    return;
  }
  known.turn_mark = mark;
  known.turns.push_back(render_turn(*session.last_tool_call));
  std::size_t bytes = 0;
  for (const std::string& turn : known.turns) {
    bytes += turn.size();
  }
  while (known.turns.size() > kMostTurns || bytes > kMostTurnsBytes) {
    bytes -= known.turns.front().size();
    known.turns.pop_front();
  }
}

const std::string& published_for() {
  static const std::string kText = std::to_string(kPublishedFor.count());
  return kText;
}

}  // namespace

Status RedisWriter::add(const StoreBatch& batch) {
  for (const Session& session : batch.sessions) {
    note(session, batch.at);
  }
  VC_TRY(write(batch.events));
  for (const BusinessRecord& record : batch.records) {
    VC_CHECK(!batch.sessions.empty(), "records are stored with their session");
    write(record, batch.sessions.front().session, batch.at);
  }
  for (const InboxEntry& entry : batch.inbox) {
    write(entry);
  }
  for (const OutboxEntry& entry : batch.outbox) {
    VC_TRY(write(entry));
  }
  for (const std::uint64_t id : batch.outbox_done) {
    write_done(id);
  }
  for (const Customer& customer : batch.customers) {
    put(keys_.customers(), customer.phone, to_redis_text(customer));
  }
  if (batch.response) {
    write(*batch.response);
  }
  if (!batch.expired.empty()) {
    remove(batch.expired);
  }
  return ok_status();
}

void RedisWriter::remove(const Expired& expired) {
  if (expired.events_through > 0) {
    out_.add({"XTRIM", keys_.events(), "MINID", std::to_string(expired.events_through + 1)});
  }
  // One may be owed something since it was looked for.
  const std::set<std::string> owed = index_.owed();
  for (const ExpiredSession& gone : expired.sessions) {
    const std::string& id = gone.session.str();
    if (owed.contains(id)) {
      continue;
    }
    out_.add({"HDEL", keys_.sessions(), id});
    out_.add({"ZREM", keys_.sessions_by_time(), id});
    out_.add({"ZREM", keys_.sessions_by_end(), id});
    out_.add({"ZREM", keys_.sessions_with(gone.status), id});
    out_.add({"HDEL", keys_.calls(), gone.call_id});
    out_.add({"UNLINK", keys_.events_of(gone.session), keys_.session(gone.session),
              keys_.context(gone.session)});
    // What the same transaction would write of it goes with it.
    touched_.erase(index_.find(gone.session));
    index_.forget(gone.session);
  }
  for (const auto& [call, event] : expired.inbox) {
    const std::string field = inbox_field({call, event, "", WallTime{}});
    out_.add({"HDEL", keys_.inbox(), field});
    out_.add({"ZREM", keys_.inbox_by_time(), field});
  }
}

void RedisWriter::note(const Session& session, WallTime at) {
  KnownSession& known = index_.at(session);
  known.created_at = session.created_at;
  remember_turn(session, known);
  touched_[&known] = {&session, &known, at};
}

Status RedisWriter::write(const std::vector<SessionEvent>& events) {
  for (auto at = events.begin(); at != events.end();) {
    RedisWords numbers;
    const SessionId& session = at->session;
    for (; at != events.end() && at->session == session; ++at) {
      VC_TRY(write(*at));
      numbers.add(std::to_string(at->seq));
      numbers.add(std::to_string(at->tenant_seq));
    }
    out_.add("ZADD", keys_.events_of(session), numbers);
  }
  return ok_status();
}

Status RedisWriter::write(const SessionEvent& event) {
  KnownSession* const known = index_.find(event.session);
  const bool is_new = event.tenant_seq > index_.last_tenant_seq &&
                      (known == nullptr || event.seq > known->last_seq);
  if (!is_new) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot write event {} of '{}' as number {}: the store has one",
                             event.seq, event.session.str(), event.tenant_seq));
  }
  index_.last_tenant_seq = event.tenant_seq;
  if (known != nullptr) {
    known->last_seq = event.seq;
  }
  out_.add({"XADD", keys_.events(), std::to_string(event.tenant_seq) + "-0", "session",
            event.session.str(), "seq", std::to_string(event.seq), "type", event.type, "at",
            redis_time(event.at), "data", event.data});
  return ok_status();
}

void RedisWriter::write(const BusinessRecord& record, const SessionId& owner, WallTime at) {
  put(keys_.records(), record.id, to_redis_text(record, owner, at));
  rank(keys_.records_by_time(), redis_time(at), record.id);
  if (!record.external_id.empty()) {
    put(keys_.records_by_external_id(), record.external_id, record.id);
  }
  if (record.booking) {
    rank(keys_.bookings(), redis_time(record.booking->end), record.id);
  }
}

void RedisWriter::write(const InboxEntry& entry) {
  const std::string field = inbox_field(entry);
  out_.add({"HSETNX", keys_.inbox(), field, to_redis_text(entry)});
  out_.add({"ZADD", keys_.inbox_by_time(), "NX", redis_time(entry.at), field});
}

Status RedisWriter::write(const OutboxEntry& entry) {
  const auto owner = index_.outbox_keys.find(entry.idempotency_key);
  if (owner != index_.outbox_keys.end() && owner->second != entry.id) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot write outbox entry {}: entry {} has its idempotency key '{}'",
                             entry.id, owner->second, entry.idempotency_key));
  }
  const std::string id = std::to_string(entry.id);
  const auto before = index_.outbox.find(entry.id);
  if (before != index_.outbox.end() && before->second.state != entry.state) {
    remove_from_set(keys_.outbox_with(before->second.state), id);
    // It may have left this state earlier in the same transaction.
    std::erase(set_removals_[&keys_.outbox_with(entry.state)], id);
  }
  put(keys_.outbox(), id, to_redis_text(entry));
  rank(keys_.outbox_with(entry.state), id, id);
  index_.outbox[entry.id] = {entry.state, entry.idempotency_key, entry.session};
  index_.outbox_keys[entry.idempotency_key] = entry.id;
  if (entry.id > index_.last_outbox_id) {
    index_.last_outbox_id = entry.id;
    moves_outbox_last_ = true;
  }
  return ok_status();
}

void RedisWriter::write_done(std::uint64_t id) {
  const auto found = index_.outbox.find(id);
  if (found == index_.outbox.end()) {
    return;
  }
  const std::string field = std::to_string(id);
  hash_removals_[&keys_.outbox()].push_back(field);
  remove_from_set(keys_.outbox_with(found->second.state), field);
  index_.outbox_keys.erase(found->second.idempotency_key);
  index_.outbox.erase(found);
}

void RedisWriter::write(const StoredResponse& response) {
  const std::int64_t minute =
      std::chrono::floor<std::chrono::minutes>(response.at).time_since_epoch().count();
  const std::string key = keys_.requests(minute);
  // The first answer stays: a repetition must get what was told.
  out_.add({"HSETNX", key, response.request_key, to_redis_text(response)});
  if (minute != index_.expiring_minute) {
    index_.expiring_minute = minute;
    out_.add({"EXPIRE", key, std::to_string(kMinuteKept.count())});
  }
}

void RedisWriter::put(const std::string& key, std::string_view field, std::string_view value) {
  RedisWords& words = puts_[&key];
  words.add(field);
  words.add(value);
}

void RedisWriter::rank(const std::string& key, std::string_view score, std::string_view member) {
  RedisWords& words = ranks_[&key];
  words.add(score);
  words.add(member);
}

void RedisWriter::remove_from_set(const std::string& key, std::string member) {
  set_removals_[&key].push_back(std::move(member));
}

RedisCommands RedisWriter::finish() {
  for (const auto& [known, touched] : touched_) {
    write_session(touched);
  }
  if (moves_outbox_last_) {
    out_.add({"SET", keys_.outbox_last(), std::to_string(index_.last_outbox_id)});
  }
  write_gathered();
  return std::move(out_);
}

void RedisWriter::write_gathered() {
  const auto write_words = [this](std::string_view command, const auto& gathered) {
    for (const auto& [key, words] : gathered) {
      out_.add(command, *key, words);
    }
  };
  const auto write_texts = [this](std::string_view command, const auto& gathered) {
    for (const auto& [key, texts] : gathered) {
      if (texts.empty()) {
        continue;
      }
      out_.begin(2 + texts.size()).word(command).word(*key);
      for (const std::string& text : texts) {
        out_.word(text);
      }
    }
  };
  write_words("HSET", puts_);
  write_words("ZADD", ranks_);
  write_texts("HDEL", hash_removals_);
  write_texts("ZREM", set_removals_);
}

void RedisWriter::write_session(const Touched& touched) {
  const Session& session = *touched.session;
  KnownSession& known = *touched.known;
  put(keys_.sessions(), session.session.str(), to_stored_text(session));
  publish(session, known);
  write_places(touched);
  write_usage(session, known);
  known.status = session.status;
  known.call_id = session.ultravox_call_id;
  if (!is_live(session.status)) {
    known.turns.clear();
  }
}

void RedisWriter::publish(const Session& session, KnownSession& known) {
  out_.add({"SET", keys_.session(session.session), to_public_text(session), "EX", published_for()});
  const std::size_t mark = context_mark(session, known);
  if (mark == known.context_mark) {
    out_.add({"EXPIRE", keys_.context(session.session), published_for()});
    return;
  }
  known.context_mark = mark;
  out_.add({"SET", keys_.context(session.session), render_context(session, known.turns), "EX",
            published_for()});
}

void RedisWriter::write_places(const Touched& touched) {
  const Session& session = *touched.session;
  const KnownSession& known = *touched.known;
  const std::string& id = session.session.str();
  const std::string created = redis_time(session.created_at);
  if (!known.status) {
    rank(keys_.sessions_by_time(), created, id);
  }
  if (known.status != session.status) {
    if (known.status) {
      remove_from_set(keys_.sessions_with(*known.status), id);
    }
    rank(keys_.sessions_with(session.status), created, id);
  }
  if (!is_live(session.status)) {
    // Whoever opens the store next learns of all that was written lately, whatever it says of
    // itself: what it does not know and was created later is new to it.
    const WallTime last = std::max(session.end_time.value_or(touched.at), touched.at);
    rank(keys_.sessions_by_end(), redis_time(last), id);
  }
  if (!session.ultravox_call_id.empty() && session.ultravox_call_id != known.call_id) {
    put(keys_.calls(), session.ultravox_call_id, id);
  }
}

void RedisWriter::write_usage(const Session& session, KnownSession& known) {
  std::string record = is_over(session.status) ? to_redis_text(usage_record(session)) : "";
  const bool is_counted_anew = counts(session.status) != counts(known.status);
  if (known.status && !is_counted_anew && record == known.usage) {
    return;
  }
  const std::string month = usage_month(session.created_at);
  if (!known.status) {
    out_.add({"SADD", keys_.usage_months(), month});
  }
  if (is_counted_anew) {
    out_.add({counts(session.status) ? "INCR" : "DECR", keys_.usage_count(month)});
  }
  if (record == known.usage) {
    return;
  }
  // One record per session: what others add up must not count one twice. It is near the end.
  if (!known.usage.empty()) {
    out_.add({"LREM", keys_.usage(month), "-1", known.usage});
  }
  if (!record.empty()) {
    out_.add({"RPUSH", keys_.usage(month), record});
  }
  known.usage = std::move(record);
}

}  // namespace voicectl::runtime
