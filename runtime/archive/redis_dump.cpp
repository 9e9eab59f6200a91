// SPDX-License-Identifier: Apache-2.0
// From a Redis server into a database.
#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "runtime/archive/blocking_redis.h"
#include "runtime/archive/redis_rows.h"
#include "runtime/redis/redis_keys.h"
#include "runtime/redis/redis_values.h"
#include "runtime/session/tenant_schema.h"
#include "runtime/session/tenant_writers.h"

namespace voicectl::runtime {
namespace {

/// Times that pages are begun anew because somebody wrote meanwhile.
constexpr int kMostTries = 5;
constexpr std::string_view kEventsPage = "1000";

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// All that a tenant has, at one moment.
struct Dump {
  Pairs sessions;
  Pairs records;
  Pairs outbox;
  Pairs customers;
  Pairs inbox;
  std::vector<RedisReply> events;
  std::vector<std::string> usage;
  std::string outbox_last;
};

Pairs pairs_of(const RedisReply& flat) {
  Pairs pairs;
  for (std::size_t i = 0; i + 1 < flat.elements.size(); i += 2) {
    pairs.emplace_back(flat.elements[i].text, flat.elements[i + 1].text);
  }
  return pairs;
}

Status read_events(BlockingRedis& redis, const RedisKeys& keys, Dump& dump) {
  std::string from = "-";
  while (true) {
    VC_TRY(const RedisReply page,
           redis.ask_one({"XRANGE", keys.events(), from, "+", "COUNT", kEventsPage}));
    if (page.elements.empty()) {
      return ok_status();
    }
    dump.events.insert(dump.events.end(), page.elements.begin(), page.elements.end());
    from = "(" + page.elements.back().elements.at(0).text;
  }
}

Status read_pages(BlockingRedis& redis, const RedisKeys& keys, Dump& dump) {
  VC_TRY(dump.sessions, redis.hash(keys.sessions()));
  VC_TRY(dump.records, redis.hash(keys.records()));
  VC_TRY(dump.outbox, redis.hash(keys.outbox()));
  VC_TRY(dump.customers, redis.hash(keys.customers()));
  VC_TRY(dump.inbox, redis.hash(keys.inbox()));
  VC_TRY(read_events(redis, keys, dump));
  VC_TRY(const RedisReply last, redis.ask_one({"GET", keys.outbox_last()}));
  dump.outbox_last = last.text;
  VC_TRY(const RedisReply months, redis.ask_one({"SMEMBERS", keys.usage_months()}));
  for (const RedisReply& month : months.elements) {
    VC_TRY(const RedisReply records, redis.ask_one({"LRANGE", keys.usage(month.text), "0", "-1"}));
    for (const RedisReply& record : records.elements) {
      dump.usage.push_back(record.text);
    }
  }
  return ok_status();
}

/// nullopt if somebody wrote meanwhile: every writer writes the fence.
Result<std::optional<Dump>> read_quietly(BlockingRedis& redis, const RedisKeys& keys) {
  VC_TRY(const RedisReply watching, redis.ask_one({"WATCH", keys.fence()}));
  Dump dump;
  VC_TRY(read_pages(redis, keys, dump));
  VC_TRY(const auto end, redis.ask(RedisCommands().add({"MULTI"}).add({"PING"}).add({"EXEC"})));
  return end.back().is_nil() ? std::optional<Dump>() : std::optional(std::move(dump));
}

/// In one transaction, in which nobody else has a turn.
Result<Dump> read_at_once(BlockingRedis& redis, const RedisKeys& keys) {
  VC_TRY(const RedisReply months, redis.ask_one({"SMEMBERS", keys.usage_months()}));
  RedisCommands commands;
  commands.add({"MULTI"});
  for (const std::string& hash :
       {keys.sessions(), keys.records(), keys.outbox(), keys.customers(), keys.inbox()}) {
    commands.add({"HGETALL", hash});
  }
  commands.add({"XRANGE", keys.events(), "-", "+"}).add({"GET", keys.outbox_last()});
  for (const RedisReply& month : months.elements) {
    commands.add({"LRANGE", keys.usage(month.text), "0", "-1"});
  }
  commands.add({"EXEC"});
  Result<BlockingRedis::Replies> replies = redis.ask(std::move(commands));
  if (replies.has_error()) {
    return replies.error().code() == ErrorCode::kCorrupt
               ? Error(ErrorCode::kResourceExhausted,
                       "cannot export: the tenant is too busy to be read in pages and too large to "
                       "be read at once; try at a quieter hour")
               : replies.error();
  }
  const std::vector<RedisReply>& all = replies->back().elements;
  Dump dump{pairs_of(all.at(0)),
            pairs_of(all.at(1)),
            pairs_of(all.at(2)),
            pairs_of(all.at(3)),
            pairs_of(all.at(4)),
            all.at(5).elements,
            {},
            all.at(6).text};
  for (std::size_t i = 7; i < all.size(); ++i) {
    for (const RedisReply& record : all[i].elements) {
      dump.usage.push_back(record.text);
    }
  }
  return dump;
}

/// Puts a dump into the tables of a new database.
class DumpWriter {
 public:
  DumpWriter(SqliteDatabase& to, TenantWriters& writers, const OnRows& on_rows)
      : to_(to), writers_(writers), on_rows_(on_rows) {}

  Status write(const Dump& dump) {
    VC_TRY(write_sessions(dump.sessions));
    VC_TRY(write_usage(dump.usage));
    VC_TRY(write_events(dump.events));
    VC_TRY(write_records(dump.records));
    VC_TRY(write_rest(dump));
    return write_outbox_number(dump.outbox_last);
  }

  RowCounts take_counts() { return std::move(counts_); }

 private:
  Status put(const std::string& table, StoreBatch batch) {
    VC_TRY(writers_.write(batch));
    ++counts_[table];
    on_rows_(++done_);
    return ok_status();
  }

  Status write_sessions(const Pairs& sessions) {
    for (const auto& [name, text] : sessions) {
      StoreBatch batch;
      VC_TRY(Session session, session_of_stored_text(text));
      batch.sessions.push_back(std::move(session));
      VC_TRY(put("sessions", std::move(batch)));
    }
    counts_["usage"] = sessions.size();
    return ok_status();
  }

  /// Of sessions that are no longer kept: the others' usage was written with them.
  Status write_usage(const std::vector<std::string>& usage) {
    VC_TRY(SqliteStatement insert,
           to_.prepare("INSERT OR IGNORE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)"));
    for (const std::string& text : usage) {
      VC_TRY(const UsageRecord record, usage_record_of(text));
      VC_TRY(insert.bind(1, record.session)
                 .bind(2, stored_time(record.created_at))
                 .bind(3, name_of(record.status))
                 .bind(4, record.outcome)
                 .bind(5, std::int64_t{record.duration.count()})
                 .bind(6, std::int64_t{record.billed_duration.count()})
                 .bind(7, static_cast<std::int64_t>(record.tool_calls))
                 .run());
    }
    VC_TRY(SqliteStatement count, to_.prepare("SELECT COUNT(*) FROM usage"));
    VC_TRY(const bool row, count.step());
    counts_["usage"] = row ? static_cast<std::uint64_t>(count.integer(0)) : 0;
    return ok_status();
  }

  Status write_events(const std::vector<RedisReply>& events) {
    counts_["events"] = 0;
    for (const RedisReply& entry : events) {
      StoreBatch batch;
      VC_TRY(SessionEvent event, event_of(entry));
      batch.events.push_back(std::move(event));
      VC_TRY(put("events", std::move(batch)));
    }
    return ok_status();
  }

  Status write_records(const Pairs& records) {
    counts_["records"] = records.size();
    VC_TRY(SqliteStatement insert,
           to_.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    for (const auto& [id, text] : records) {
      VC_TRY(const KeptRecord kept, kept_record_of(text));
      const BusinessRecord& record = kept.record;
      insert.bind(1, record.id)
          .bind(2, name_of(record.kind))
          .bind(3, kept.session.str())
          .bind(4, stored_time(kept.at))
          .bind(5, record.data)
          .bind(6, record.external_id);
      if (record.booking) {
        insert.bind(7, stored_time(record.booking->start))
            .bind(8, stored_time(record.booking->end));
      } else {
        insert.bind_null(7).bind_null(8);
      }
      VC_TRY(insert.bind(9, record.booking ? record.booking->staff : "").run());
      on_rows_(++done_);
    }
    return ok_status();
  }

  Status write_rest(const Dump& dump) {
    counts_["outbox"] = counts_["customers"] = counts_["inbox"] = 0;
    for (const auto& [id, text] : dump.outbox) {
      StoreBatch batch;
      VC_TRY(OutboxEntry entry, outbox_entry_of(text));
      batch.outbox.push_back(std::move(entry));
      VC_TRY(put("outbox", std::move(batch)));
    }
    for (const auto& [phone, text] : dump.customers) {
      StoreBatch batch;
      VC_TRY(Customer customer, customer_of(text));
      batch.customers.push_back(std::move(customer));
      VC_TRY(put("customers", std::move(batch)));
    }
    for (const auto& [field, text] : dump.inbox) {
      StoreBatch batch;
      VC_TRY(InboxEntry entry, inbox_entry_of(field, text));
      batch.inbox.push_back(std::move(entry));
      VC_TRY(put("inbox", std::move(batch)));
    }
    return ok_status();
  }

  Status write_outbox_number(const std::string& last) {
    std::int64_t number = 0;
    (void)std::from_chars(last.data(), last.data() + last.size(), number);  // none: stays 0
    VC_TRY(to_.run("DELETE FROM sqlite_sequence WHERE name = 'outbox'"));
    VC_TRY(SqliteStatement set, to_.prepare("INSERT INTO sqlite_sequence VALUES ('outbox', ?)"));
    return set.bind(1, number).run();
  }

  SqliteDatabase& to_;
  TenantWriters& writers_;
  const OnRows& on_rows_;
  RowCounts counts_;
  std::uint64_t done_ = 0;
};

Result<Dump> read_dump(BlockingRedis& redis, const RedisKeys& keys) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    VC_TRY(std::optional<Dump> dump, read_quietly(redis, keys));
    if (dump) {
      return std::move(*dump);
    }
  }
  return read_at_once(redis, keys);
}

}  // namespace

Result<RowCounts> dump_redis(const RedisPlace& place,
                             const std::string& path,
                             const OnRows& on_rows) {
  const RedisKeys keys(place.tenant);
  BlockingRedis redis(place.redis);
  VC_TRY(const RedisReply owner, redis.ask_one({"GET", keys.owner()}));
  VC_TRY(const RedisReply fence, redis.ask_one({"GET", keys.fence()}));
  if (fence.is_nil()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot export '{}': the Redis server has none of its data",
                             place.tenant.str()));
  }
  if (!place.owner.empty() && !owner.is_nil() && owner.text != place.owner) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot export '{}': the data on the Redis server are those of "
                             "another tenant of that name",
                             place.tenant.str()));
  }
  VC_TRY(const Dump dump, read_dump(redis, keys));
  VC_TRY(SqliteDatabase to, SqliteDatabase::open(path));
  VC_TRY(to.migrate(tenant_schema()));
  RowCounts counts;
  {
    VC_TRY(TenantWriters writers, TenantWriters::prepare(to));
    DumpWriter writer(to, writers, on_rows);
    VC_TRY(to.in_transaction([&] { return writer.write(dump); }));
    counts = writer.take_counts();
  }
  VC_TRY(close_up(to));
  return counts;
}

}  // namespace voicectl::runtime
