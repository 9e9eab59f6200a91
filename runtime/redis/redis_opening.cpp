// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_opening.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "runtime/redis/redis_values.h"

namespace voicectl::runtime {
namespace {

/// Ended sessions that are taken into memory again: their bill may still come.
constexpr std::chrono::hours kEndedAtHand{1};

/// How often the fence may move under our hands while we take it.
constexpr int kMostTries = 3;

/// CONFIG GETs in front of the look at the fence.
constexpr std::size_t kSettings = 3;

/// Replies of taking over, in front of what is loaded: MULTI, SET, SETNX, EXEC, WATCH, GET.
constexpr std::size_t kTaking = 6;
constexpr std::size_t kExec = 3;

enum Loaded : std::size_t {
  kLastEvent,
  kMonthCount,
  kInitializing,
  kReady,
  kActive,
  kEnded,
  kBookings,
  kOutbox,
  kLastOutboxId,
  kResponses,  // the first of many
};

std::string setting_of(const RedisReply& reply) {
  return reply.elements.size() == 2 ? reply.elements[1].text : "";
}

std::uint64_t number_or_zero(std::string_view text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);  // stays 0
  return number;
}

void append_texts(const RedisReply& list, std::vector<std::string>& to) {
  for (const RedisReply& element : list.elements) {
    to.push_back(element.text);
  }
}

std::int64_t minute_of(WallTime at) {
  return std::chrono::floor<std::chrono::minutes>(at).time_since_epoch().count();
}

WallTime oldest_response(WallTime now) {
  return now - std::chrono::duration_cast<std::chrono::milliseconds>(kResponsesKept);
}

Error missing(std::string_view what) {
  return {ErrorCode::kCorrupt,
          fmt::format("cannot read {} from the session store: it is listed and not there", what)};
}

}  // namespace

std::optional<std::string> redis_risk(const std::string& server, const RedisSettings& settings) {
  std::string risk;
  if (settings.appendonly == "no") {
    risk =
        "appendonly is off: when the server stops, everything since its last snapshot is lost; "
        "set 'appendonly yes' and 'appendfsync always'";
  } else if (settings.appendonly == "yes" && settings.appendfsync != "always") {
    risk = fmt::format(
        "appendfsync is '{}': loss of power may take the last {} with it; set "
        "'appendfsync always' if that is too much",
        settings.appendfsync, settings.appendfsync == "everysec" ? "two seconds" : "half minute");
  }
  if (!settings.maxmemory_policy.empty() && settings.maxmemory_policy != "noeviction") {
    risk += fmt::format(
        "{}maxmemory-policy is '{}': a full server throws sessions away; set "
        "'noeviction'",
        risk.empty() ? "" : "; ", settings.maxmemory_policy);
  }
  return risk.empty() ? std::nullopt
                      : std::optional(fmt::format("Redis server {}: {}", server, risk));
}

void RedisOpening::start(Done done) {
  done_ = std::move(done);
  RedisCommands question;
  for (const std::string_view name : {"appendonly", "appendfsync", "maxmemory-policy"}) {
    question.add({"CONFIG", "GET", name});
  }
  deps_.client.send(std::move(question), [weak = weak_from_this()](const RedisAnswer& answer) {
    const auto self = weak.lock();
    if (!self) {
      return;
    }
    if (answer.failure) {
      self->fail(answer.failure->error);
      return;
    }
    if (first_error(answer.replies) == nullptr) {
      self->opened_.settings =
          RedisSettings{setting_of(answer.replies[0]), setting_of(answer.replies[1]),
                        setting_of(answer.replies[2])};
    }
    self->opened_.connection = answer.connection;
    self->look();
  });
}

void RedisOpening::ask(RedisCommands commands, Step next) {
  deps_.client.send(
      std::move(commands),
      [weak = weak_from_this(), next](const RedisAnswer& answer) {
        const auto self = weak.lock();
        if (!self) {
          return;
        }
        if (answer.failure) {
          self->fail(answer.failure->error);
        } else {
          ((*self).*next)(answer.replies);
        }
      },
      opened_.connection);
}

void RedisOpening::look() {
  if (++tries_ > kMostTries) {
    fail(Error(ErrorCode::kUnavailable,
               "cannot take over the store: others keep taking it; try again"));
    return;
  }
  RedisCommands commands = watch_and_look(deps_.fixed);
  commands.add({"GET", deps_.keys.owner()});
  ask(std::move(commands), &RedisOpening::examine);
}

Status RedisOpening::check_owner(const RedisReply& owner) const {
  if (owner.is_nil() || deps_.owner.empty() || owner.text == deps_.owner) {
    return ok_status();
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot open the session store: the Redis server has data of an earlier "
                           "tenant of this name; "
                           "'voicectl tenant purge' removes its keys, "
                           "or delete '{0}' alone to go on with them",
                           deps_.keys.owner()));
}

void RedisOpening::examine(const Replies& replies) {
  const auto found = found_fence(deps_.fixed, replies);
  if (found.has_error()) {
    fail(found.error());
    return;
  }
  const RedisFence before = found->value_or(RedisFence{});
  if (before.token > deps_.token) {
    fail(Error(ErrorCode::kFenced,
               fmt::format("cannot take over the store with token {}: a holder with token {} has "
                           "been there",
                           deps_.token.value, before.token.value)));
    return;
  }
  const Status is_ours = check_owner(replies.back());
  if (is_ours.has_error()) {
    fail(is_ours.error());
    return;
  }
  opened_.writes = before.writes + 1;
  take_over();
}

void RedisOpening::take_over() {
  const std::string& fence = deps_.fixed.front().name;
  RedisCommands commands;
  // Even with the same token it is written anew: a transaction of an earlier connection that is
  // still on its way to the server finds its watch broken then.
  commands.add({"MULTI"});
  commands.add({"SET", fence, RedisFence{deps_.token, opened_.writes}.text()});
  deps_.owner.empty() ? commands.add({"EXISTS", deps_.keys.owner()})
                      : commands.add({"SETNX", deps_.keys.owner(), deps_.owner});
  commands.add({"EXEC"});
  add_watch(deps_.fixed, commands);
  commands.add({"GET", fence});
  commands.append(load_commands());
  ask(std::move(commands), &RedisOpening::load);
}

RedisCommands RedisOpening::load_commands() const {
  const RedisKeys& keys = deps_.keys;
  const auto behind = [](WallTime at) { return "(" + redis_time(at); };
  RedisCommands commands;
  commands.add({"XREVRANGE", keys.events(), "+", "-", "COUNT", "1"});
  commands.add({"GET", keys.usage_count(usage_month(now_))});
  for (const SessionStatus status :
       {SessionStatus::kInitializing, SessionStatus::kReady, SessionStatus::kActive}) {
    commands.add({"ZRANGE", keys.sessions_with(status), "0", "-1"});
  }
  commands.add({"ZRANGEBYSCORE", keys.sessions_by_end(), behind(now_ - kEndedAtHand), "+inf"});
  commands.add({"ZRANGEBYSCORE", keys.bookings(), behind(now_), "+inf"});
  commands.add({"HVALS", keys.outbox()});
  commands.add({"GET", keys.outbox_last()});
  // One more minute than now: the clock of who wrote may have been ahead.
  for (std::int64_t minute = minute_of(oldest_response(now_)); minute <= minute_of(now_) + 1;
       ++minute) {
    commands.add({"HGETALL", keys.requests(minute)});
  }
  return commands;
}

void RedisOpening::load(const Replies& replies) {
  if (replies[kExec].is_nil()) {
    look();
    return;
  }
  if (const RedisReply* refusal = first_error(replies)) {
    fail(error_of_reply(*refusal, "open the session store"));
    return;
  }
  if (replies[kTaking - 1].text != RedisFence{deps_.token, opened_.writes}.text()) {
    fail(Error(ErrorCode::kFenced, "cannot take over the store: another holder has just taken it"));
    return;
  }
  deps_.index.reset(now_);
  const Status taken = take_lists(replies);
  taken.has_error() ? fail(taken.error()) : fetch_documents();
}

Status RedisOpening::take_lists(const Replies& replies) {
  const auto at = [&](Loaded which) -> const RedisReply& { return replies[kTaking + which]; };
  StoreContents& contents = opened_.contents;
  if (!at(kLastEvent).elements.empty()) {
    VC_TRY(const SessionEvent last, event_of(at(kLastEvent).elements.front()));
    contents.last_tenant_seq = last.tenant_seq;
  }
  contents.sessions_this_month = number_or_zero(at(kMonthCount).text);
  for (const Loaded which : {kInitializing, kReady, kActive}) {
    append_texts(at(which), live_);
  }
  sessions_ = live_;
  append_texts(at(kEnded), sessions_);
  append_texts(at(kBookings), bookings_);
  contents.last_outbox_id = number_or_zero(at(kLastOutboxId).text);
  deps_.index.last_tenant_seq = contents.last_tenant_seq;
  deps_.index.last_outbox_id = contents.last_outbox_id;
  VC_TRY(take_outbox(at(kOutbox)));
  return take_responses(replies, kTaking + kResponses);
}

Status RedisOpening::take_outbox(const RedisReply& values) {
  std::vector<OutboxEntry>& pending = opened_.contents.outbox;
  for (const RedisReply& value : values.elements) {
    VC_TRY(OutboxEntry entry, outbox_entry_of(value.text));
    deps_.index.outbox[entry.id] = {entry.state, entry.idempotency_key, entry.session};
    deps_.index.outbox_keys[entry.idempotency_key] = entry.id;
    if (entry.state == OutboxEntry::State::kPending) {
      pending.push_back(std::move(entry));
    } else {
      opened_.contents.dead_outbox_keys.push_back(entry.idempotency_key);
    }
  }
  std::sort(pending.begin(), pending.end(),
            [](const OutboxEntry& a, const OutboxEntry& b) { return a.id < b.id; });
  return ok_status();
}

Status RedisOpening::take_responses(const Replies& replies, std::size_t first) {
  std::vector<StoredResponse>& responses = opened_.contents.responses;
  std::set<std::string> seen;
  for (std::size_t i = first; i < replies.size(); ++i) {
    const std::vector<RedisReply>& pairs = replies[i].elements;
    for (std::size_t at = 0; at + 1 < pairs.size(); at += 2) {
      VC_TRY(StoredResponse response, response_of(pairs[at].text, pairs[at + 1].text));
      // Of two answers to one request the older was told.
      if (response.at > oldest_response(now_) && seen.insert(response.request_key).second) {
        responses.push_back(std::move(response));
      }
    }
  }
  std::stable_sort(responses.begin(), responses.end(),
                   [](const StoredResponse& a, const StoredResponse& b) { return a.at < b.at; });
  return ok_status();
}

void RedisOpening::fetch_documents() {
  RedisCommands commands;
  const auto fetch = [&commands](const std::string& hash, const std::vector<std::string>& fields) {
    commands.begin(2 + std::max<std::size_t>(1, fields.size())).word("HMGET").word(hash);
    for (const std::string& field : fields) {
      commands.word(field);
    }
    if (fields.empty()) {
      commands.word("");
    }
  };
  fetch(deps_.keys.sessions(), sessions_);
  fetch(deps_.keys.records(), bookings_);
  for (const std::string& name : live_) {
    const Result<SessionId> id = SessionId::parse(name);
    commands.add({"GET", id.has_error() ? deps_.fixed.front().name : deps_.keys.context(*id)});
  }
  ask(std::move(commands), &RedisOpening::finish);
}

void RedisOpening::finish(const Replies& replies) {
  if (const RedisReply* refusal = first_error(replies)) {
    fail(error_of_reply(*refusal, "open the session store"));
    return;
  }
  const Status taken = take_documents(replies);
  if (taken.has_error()) {
    fail(taken.error());
  } else if (const Done done = std::exchange(done_, nullptr)) {
    done(std::move(opened_));
  }
}

Status RedisOpening::take_documents(const Replies& replies) {
  VC_TRY(take_sessions(replies[0]));
  VC_TRY(take_bookings(replies[1]));
  for (std::size_t i = 0; i < live_.size(); ++i) {
    VC_TRY(const SessionId id, SessionId::parse(live_[i]));
    if (KnownSession* const known = deps_.index.find(id)) {
      known->turns = turns_of_context(replies[2 + i].text);
    }
  }
  std::vector<Session>& sessions = opened_.contents.sessions;
  std::sort(sessions.begin(), sessions.end(), [](const Session& a, const Session& b) {
    return std::pair(a.created_at, a.session.str()) < std::pair(b.created_at, b.session.str());
  });
  return ok_status();
}

Status RedisOpening::take_sessions(const RedisReply& texts) {
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (texts.elements[i].is_nil()) {
      return missing(fmt::format("session '{}'", sessions_[i]));
    }
    VC_TRY(Session session, session_of_stored_text(texts.elements[i].text));
    deps_.index.learn(session);
    if (is_live(session.status) || (session.end_time && *session.end_time > now_ - kEndedAtHand)) {
      opened_.contents.sessions.push_back(std::move(session));
    }
  }
  return ok_status();
}

Status RedisOpening::take_bookings(const RedisReply& texts) {
  for (std::size_t i = 0; i < bookings_.size(); ++i) {
    if (texts.elements[i].is_nil()) {
      return missing(fmt::format("appointment '{}'", bookings_[i]));
    }
    VC_TRY(const KeptRecord kept, kept_record_of(texts.elements[i].text));
    if (kept.record.booking && kept.record.booking->end > now_) {
      opened_.contents.bookings.push_back(*kept.record.booking);
    }
  }
  return ok_status();
}

void RedisOpening::fail(const Error& error) {
  if (const Done done = std::exchange(done_, nullptr)) {
    done(error);
  }
}

}  // namespace voicectl::runtime
