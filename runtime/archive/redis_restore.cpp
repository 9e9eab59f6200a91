// SPDX-License-Identifier: Apache-2.0
// From a database onto a Redis server, and off it.
#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/archive/blocking_redis.h"
#include "runtime/archive/redis_rows.h"
#include "runtime/redis/redis_fence.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/redis/redis_values.h"
#include "runtime/session/tenant_writers.h"

namespace voicectl::runtime {
namespace {

/// Commands that go out together.
constexpr std::size_t kPiece = 2000;
constexpr std::size_t kKeysAtOnce = 500;

/// Commands that are sent whenever there are enough of them.
class Pipeline {
 public:
  explicit Pipeline(BlockingRedis& redis) : redis_(redis) {}

  Status add(std::initializer_list<std::string_view> words) {
    commands_.add(words);
    return commands_.count() >= kPiece ? flush() : ok_status();
  }
  Status flush() {
    VC_TRY(redis_.ask(std::exchange(commands_, RedisCommands())));
    return ok_status();
  }

 private:
  BlockingRedis& redis_;
  RedisCommands commands_;
};

/// Writes each table's rows as the runtime itself would have.
class Restorer {
 public:
  Restorer(const RedisKeys& keys, SqliteDatabase& rows, Pipeline& to, const OnRows& on_rows)
      : keys_(keys), rows_(rows), to_(to), on_rows_(on_rows) {}

  Status run() {
    VC_TRY(each("SELECT document FROM sessions ORDER BY created_at, session",
                [this](const SqliteStatement& row) { return put_session(row); }));
    VC_TRY(
        each("SELECT session, created_at, status, outcome, duration, billed_duration, "
             "tool_calls FROM usage ORDER BY created_at, session",
             [this](const SqliteStatement& row) { return put_usage(row); }));
    VC_TRY(each("SELECT tenant_seq, session, seq, type, at, data FROM events ORDER BY tenant_seq",
                [this](const SqliteStatement& row) { return put_event(row); }));
    VC_TRY(
        each("SELECT id, kind, session, at, data, external_id, start_at, end_at, staff "
             "FROM records ORDER BY at, id",
             [this](const SqliteStatement& row) { return put_record(row); }));
    VC_TRY(
        each("SELECT id, session, kind, idempotency_key, payload, state, created_at, "
             "next_attempt, attempts, last_error FROM outbox ORDER BY id",
             [this](const SqliteStatement& row) { return put_outbox(row); }));
    VC_TRY(each("SELECT phone, name, first_seen, last_seen, sessions, data FROM customers",
                [this](const SqliteStatement& row) { return put_customer(row); }));
    VC_TRY(each("SELECT call_id, event, at, body FROM inbox",
                [this](const SqliteStatement& row) { return put_inbox(row); }));
    return each("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'",
                [this](const SqliteStatement& row) {
                  return to_.add({"SET", keys_.outbox_last(), row.text(0)});
                });
  }

 private:
  using PutRow = std::function<Status(const SqliteStatement& row)>;

  Status each(const std::string& sql, const PutRow& put) {
    VC_TRY(SqliteStatement rows, rows_.prepare(sql));
    while (true) {
      VC_TRY(const bool row, rows.step());
      if (!row) {
        return ok_status();
      }
      VC_TRY(put(rows));
      on_rows_(++done_);
    }
  }

  Status put_session(const SqliteStatement& row) {
    VC_TRY(const Session session, session_of_stored_text(row.text(0)));
    const std::string& id = session.session.str();
    const std::string created = redis_time(session.created_at);
    VC_TRY(to_.add({"HSET", keys_.sessions(), id, row.text(0)}));
    VC_TRY(to_.add({"ZADD", keys_.sessions_by_time(), created, id}));
    VC_TRY(to_.add({"ZADD", keys_.sessions_with(session.status), created, id}));
    if (!is_live(session.status)) {
      const std::string end = redis_time(session.end_time.value_or(session.created_at));
      VC_TRY(to_.add({"ZADD", keys_.sessions_by_end(), end, id}));
    }
    return session.ultravox_call_id.empty()
               ? ok_status()
               : to_.add({"HSET", keys_.calls(), session.ultravox_call_id, id});
  }

  Status put_usage(const SqliteStatement& row) {
    const auto status = session_status_named(row.text(2)).value_or(SessionStatus::kFailed);
    const UsageRecord record{row.text(0),
                             time_of_stored(row.integer(1)),
                             status,
                             row.text(3),
                             std::chrono::seconds(row.integer(4)),
                             std::chrono::seconds(row.integer(5)),
                             static_cast<std::uint64_t>(row.integer(6))};
    const std::string month = usage_month(record.created_at);
    VC_TRY(to_.add({"SADD", keys_.usage_months(), month}));
    if (status != SessionStatus::kFailed) {
      VC_TRY(to_.add({"INCR", keys_.usage_count(month)}));
    }
    return is_live(status) ? ok_status()
                           : to_.add({"RPUSH", keys_.usage(month), to_redis_text(record)});
  }

  Status put_event(const SqliteStatement& row) {
    VC_TRY(const SessionId session, SessionId::parse(row.text(1)));
    VC_TRY(to_.add({"XADD", keys_.events(), row.text(0) + "-0", "session", row.text(1), "seq",
                    row.text(2), "type", row.text(3), "at", row.text(4), "data", row.text(5)}));
    return to_.add({"ZADD", keys_.events_of(session), row.text(2), row.text(0)});
  }

  Status put_record(const SqliteStatement& row) {
    const auto kind = record_kind_named(row.text(1)).value_or(BusinessRecord::Kind::kOrder);
    BusinessRecord record{kind, row.text(0), std::nullopt, row.text(4), row.text(5)};
    VC_TRY(const SessionId session, SessionId::parse(row.text(2)));
    if (!row.is_null(6)) {
      record.booking = Booking{row.text(0), time_of_stored(row.integer(6)),
                               time_of_stored(row.integer(7)), row.text(8)};
      VC_TRY(to_.add({"ZADD", keys_.bookings(), row.text(7), record.id}));
    }
    VC_TRY(to_.add({"HSET", keys_.records(), record.id,
                    to_redis_text(record, session, time_of_stored(row.integer(3)))}));
    VC_TRY(to_.add({"ZADD", keys_.records_by_time(), row.text(3), record.id}));
    return record.external_id.empty()
               ? ok_status()
               : to_.add({"HSET", keys_.records_by_external_id(), record.external_id, record.id});
  }

  Status put_outbox(const SqliteStatement& row) {
    const OutboxEntry entry = outbox_entry_of(row);
    VC_TRY(to_.add({"HSET", keys_.outbox(), row.text(0), to_redis_text(entry)}));
    return to_.add({"ZADD", keys_.outbox_with(entry.state), row.text(0), row.text(0)});
  }

  Status put_customer(const SqliteStatement& row) {
    const Customer customer{row.text(0),
                            row.text(1),
                            time_of_stored(row.integer(2)),
                            time_of_stored(row.integer(3)),
                            static_cast<std::uint64_t>(row.integer(4)),
                            row.text(5)};
    return to_.add({"HSET", keys_.customers(), customer.phone, to_redis_text(customer)});
  }

  Status put_inbox(const SqliteStatement& row) {
    const InboxEntry entry{row.text(0), row.text(1), row.text(3), time_of_stored(row.integer(2))};
    const std::string field = inbox_field(entry);
    VC_TRY(to_.add({"HSET", keys_.inbox(), field, to_redis_text(entry)}));
    return to_.add({"ZADD", keys_.inbox_by_time(), row.text(2), field});
  }

  const RedisKeys& keys_;
  SqliteDatabase& rows_;
  Pipeline& to_;
  const OnRows& on_rows_;
  std::uint64_t done_ = 0;
};

Result<std::vector<std::string>> all_keys(BlockingRedis& redis, const RedisKeys& keys) {
  VC_TRY(std::vector<std::string> names, redis.keys(keys.business_prefix()));
  VC_TRY(const std::vector<std::string> usage, redis.keys(keys.usage_prefix()));
  names.insert(names.end(), usage.begin(), usage.end());
  return names;
}

/// What the names of keys begin with that were set aside; empty without an owner to tell them by.
std::string aside_prefix(const std::string& owner) {
  const bool is_plain = !owner.empty() && std::all_of(owner.begin(), owner.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return is_plain ? "retired:" + owner + ":" : "";
}

/// Copies for other programs, and answers to repeated requests.
bool goes_away_by_itself(const RedisKeys& keys, const std::string& name) {
  const std::string_view rest =
      std::string_view(name).substr(std::min(name.size(), keys.business_prefix().size()));
  return name.starts_with(keys.business_prefix()) &&
         (rest.starts_with("session:") || rest.starts_with("context:") ||
          rest.starts_with("requests:"));
}

Status remove_keys(BlockingRedis& redis, const std::vector<std::string>& names) {
  for (std::size_t at = 0; at < names.size(); at += kKeysAtOnce) {
    const std::size_t end = std::min(names.size(), at + kKeysAtOnce);
    RedisCommands commands;
    commands.begin(1 + end - at).word("UNLINK");
    for (std::size_t i = at; i < end; ++i) {
      commands.word(names[i]);
    }
    VC_TRY(redis.ask(std::move(commands)));
  }
  return ok_status();
}

Result<std::uint64_t> count_of(BlockingRedis& redis, std::string_view command, std::string key) {
  VC_TRY(const RedisReply count, redis.ask_one({command, key}));
  return static_cast<std::uint64_t>(count.integer);
}

}  // namespace

Status restore_redis(const RedisPlace& place, SqliteDatabase& rows, const OnRows& on_rows) {
  const RedisKeys keys(place.tenant);
  BlockingRedis redis(place.redis);
  VC_TRY(const std::vector<std::string> known, all_keys(redis, keys));
  VC_TRY(const RedisReply taken, known.empty() ? redis.ask_one({"SETNX", keys.owner(), place.owner})
                                               : Result<RedisReply>(RedisReply{}));
  if (!known.empty() || taken.integer != 1) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot import '{}': the Redis server has keys of that name; "
                             "'voicectl tenant purge' removes those of a deleted tenant",
                             place.tenant.str()));
  }
  Pipeline to(redis);
  VC_TRY(Restorer(keys, rows, to, on_rows).run());
  return to.flush();
}

Status set_aside_redis(const RedisPlace& place) {
  const RedisKeys keys(place.tenant);
  BlockingRedis redis(place.redis);
  VC_TRY(const RedisReply owner, redis.ask_one({"GET", keys.owner()}));
  const std::string prefix = aside_prefix(place.owner);
  if (owner.is_nil() || owner.text != place.owner || prefix.empty()) {
    return ok_status();
  }
  VC_TRY(const std::vector<std::string> names, all_keys(redis, keys));
  Pipeline to(redis);
  for (const std::string& name : names) {
    if (goes_away_by_itself(keys, name)) {
      VC_TRY(to.add({"UNLINK", name}));  // it may be gone by now, and cannot be renamed then
    } else if (name != keys.owner()) {
      VC_TRY(to.add({"RENAME", name, prefix + name}));
    }
  }
  // Last: as long as it is there the rest is known to be this owner's.
  VC_TRY(to.add({"RENAME", keys.owner(), prefix + keys.owner()}));
  return to.flush();
}

Result<std::uint64_t> purge_redis(const RedisPlace& place) {
  const RedisKeys keys(place.tenant);
  BlockingRedis redis(place.redis);
  const std::string prefix = aside_prefix(place.owner);
  std::vector<std::string> aside;
  if (!prefix.empty()) {
    VC_TRY(aside, redis.keys(prefix));
  }
  VC_TRY(remove_keys(redis, aside));
  VC_TRY(const RedisReply owner, redis.ask_one({"GET", keys.owner()}));
  if (!owner.is_nil() && !place.owner.empty() && owner.text != place.owner) {
    return std::uint64_t{aside.size()};
  }
  VC_TRY(std::vector<std::string> names, all_keys(redis, keys));
  // The owner's key last: a purge that is cut off can be told from a tenant of its own.
  std::erase(names, keys.owner());
  if (!owner.is_nil()) {
    names.push_back(keys.owner());
  }
  VC_TRY(remove_keys(redis, names));
  return std::uint64_t{aside.size() + names.size()};
}

Result<RedisFindings> check_redis(const RedisPlace& place) {
  const RedisKeys keys(place.tenant);
  BlockingRedis redis(place.redis);
  RedisFindings found;
  VC_TRY(const auto looked, redis.ask(watch_and_look(keys.fixed())));
  if (const auto fence = found_fence(keys.fixed(), looked); fence.has_error()) {
    found.problems.push_back(fence.error().text());
    return found;
  } else if (!*fence) {
    found.problems.emplace_back("the server has none of its data");
    return found;
  }
  VC_TRY(const RedisReply owner, redis.ask_one({"GET", keys.owner()}));
  if (!place.owner.empty() && owner.text != place.owner) {
    found.problems.emplace_back("the data are those of another tenant of that name");
  }
  VC_TRY(found.rows["sessions"], count_of(redis, "HLEN", keys.sessions()));
  VC_TRY(found.rows["events"], count_of(redis, "XLEN", keys.events()));
  VC_TRY(found.rows["records"], count_of(redis, "HLEN", keys.records()));
  VC_TRY(found.rows["outbox"], count_of(redis, "HLEN", keys.outbox()));
  VC_TRY(found.rows["customers"], count_of(redis, "HLEN", keys.customers()));
  VC_TRY(found.rows["inbox"], count_of(redis, "HLEN", keys.inbox()));
  const auto compare = [&](std::string_view list, std::uint64_t has, const std::string& of) {
    if (has != found.rows[of]) {
      found.problems.push_back(fmt::format("{} lists {} of {} {}", list, has, found.rows[of], of));
    }
  };
  VC_TRY(const std::uint64_t by_time, count_of(redis, "ZCARD", keys.sessions_by_time()));
  compare("sessions:by_time", by_time, "sessions");
  std::uint64_t by_status = 0;
  for (const SessionStatus status :
       {SessionStatus::kInitializing, SessionStatus::kReady, SessionStatus::kActive,
        SessionStatus::kCompleted, SessionStatus::kFailed}) {
    VC_TRY(const std::uint64_t some, count_of(redis, "ZCARD", keys.sessions_with(status)));
    by_status += some;
  }
  compare("the lists by status", by_status, "sessions");
  VC_TRY(const std::uint64_t records, count_of(redis, "ZCARD", keys.records_by_time()));
  compare("records:by_time", records, "records");
  std::uint64_t by_state = 0;
  for (const OutboxEntry::State state : {OutboxEntry::State::kPending, OutboxEntry::State::kDead}) {
    VC_TRY(const std::uint64_t some, count_of(redis, "ZCARD", keys.outbox_with(state)));
    by_state += some;
  }
  compare("the lists by state", by_state, "outbox");
  return found;
}

}  // namespace voicectl::runtime
