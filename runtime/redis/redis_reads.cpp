// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_reads.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/redis/redis_read_values.h"

namespace voicectl::runtime {
namespace {

/// Records looked at in one round trip when a list is filtered.
constexpr std::uint32_t kScanStep = 200;

std::string limit_text(std::uint64_t limit) {
  return std::to_string(limit);
}

}  // namespace

void RedisReads::ask(RedisCommands commands, Completion<Replies> done, Retry retry) {
  RedisCommands again = retry == Retry::kOnce ? commands : RedisCommands();
  client_.send(std::move(commands), [this, again = std::move(again), done = std::move(done),
                                     retry](const RedisAnswer& answer) {
    if (answer.failure) {
      // What never left has waited for a connection already, as long as anybody may wait.
      const bool was_lost = answer.failure->effect == RedisEffect::kUnknown &&
                            answer.failure->error.code() == ErrorCode::kUnavailable;
      if (retry == Retry::kOnce && was_lost) {
        ask(again, done, Retry::kNever);
      } else {
        done(answer.failure->error);
      }
      return;
    }
    if (const RedisReply* refusal = first_error(answer.replies)) {
      done(error_of_reply(*refusal, "read the session store"));
      return;
    }
    done(answer.replies);
  });
}

template <typename T, typename Make>
void RedisReads::ask_for(RedisCommands commands, Completion<T> done, Make make) {
  ask(std::move(commands),
      [done = std::move(done), make = std::move(make)](const Result<Replies>& replies) {
        if (replies.has_error()) {
          done(replies.error());
          return;
        }
        done(make(*replies));
      });
}

template <typename T>
void RedisReads::fetch(const std::string& hash,
                       const std::vector<std::string>& fields,
                       Completion<std::vector<T>> done) {
  RedisCommands commands;
  // HMGET needs a field; the empty one is nobody's.
  commands.begin(2 + std::max<std::size_t>(1, fields.size())).word("HMGET").word(hash);
  for (const std::string& field : fields) {
    commands.word(field);
  }
  if (fields.empty()) {
    commands.word("");
  }
  ask_for<std::vector<T>>(std::move(commands), std::move(done),
                          [](const Replies& replies) { return values_of<T>(replies.front()); });
}

void RedisReads::list_sessions(const SessionQuery& query, Completion<SessionPage> done) {
  const auto place = parse_page_cursor(query.after);
  if (!query.after.empty() && !place) {
    // Asked all the same: an answer never comes before `list_sessions` returns.
    ask_for<SessionPage>(
        RedisCommands().add({"PING"}), std::move(done),
        [](const Replies&) -> Result<SessionPage> { return bad_page_cursor("sessions"); });
    return;
  }
  const std::string key =
      query.status ? keys_.sessions_with(*query.status) : keys_.sessions_by_time();
  const ScoreRange range = range_of(query, place);
  RedisCommands commands;
  // Sessions of the cursor's own millisecond, and everything before it.
  commands.add({"ZREVRANGEBYSCORE", key, range.same_time, range.same_time});
  commands.add({"ZREVRANGEBYSCORE", key, range.below, range.least, "LIMIT", "0",
                limit_text(std::uint64_t{query.limit} + 1)});
  ask(std::move(commands),
      [this, query, place, done = std::move(done)](const Result<Replies>& replies) {
        if (replies.has_error()) {
          done(replies.error());
          return;
        }
        std::vector<std::string> ids = ids_behind(*replies, place);
        const bool has_more = ids.size() > query.limit;
        ids.resize(std::min<std::size_t>(ids.size(), query.limit));
        fetch<Session>(keys_.sessions(), ids, [done, has_more](Result<std::vector<Session>> found) {
          if (found.has_error()) {
            done(found.error());
            return;
          }
          SessionPage page;
          page.sessions = std::move(*found);
          page.next = has_more && !page.sessions.empty() ? page_cursor(page.sessions.back()) : "";
          done(std::move(page));
        });
      });
}

void RedisReads::find_session(const std::string& id, Completion<std::optional<Session>> done) {
  ask_for<std::optional<Session>>(
      RedisCommands().add({"HGET", keys_.sessions(), id}), std::move(done),
      [](const Replies& replies) { return value_of<Session>(replies.front()); });
}

void RedisReads::find_session_by_call(const std::string& call_id,
                                      Completion<std::optional<Session>> done) {
  ask(RedisCommands().add({"HGET", keys_.calls(), call_id}),
      [this, done = std::move(done)](const Result<Replies>& replies) {
        if (replies.has_error()) {
          done(replies.error());
        } else if (replies->front().is_nil()) {
          done(std::optional<Session>());
        } else {
          find_session(replies->front().text, done);
        }
      });
}

void RedisReads::read_session_events(const SessionId& id,
                                     std::uint64_t after,
                                     std::uint32_t limit,
                                     Completion<std::vector<SessionEvent>> done) {
  RedisCommands places;
  places.add({"ZRANGEBYSCORE", keys_.events_of(id), "(" + std::to_string(after), "+inf", "LIMIT",
              "0", limit_text(limit)});
  ask(std::move(places), [this, done = std::move(done)](const Result<Replies>& replies) {
    if (replies.has_error()) {
      done(replies.error());
      return;
    }
    RedisCommands commands;
    commands.add({"PING"});  // so that there is something to ask when there are none
    for (const RedisReply& number : replies->front().elements) {
      commands.add({"XRANGE", keys_.events(), number.text, number.text});
    }
    ask_for<std::vector<SessionEvent>>(std::move(commands), done,
                                       [](const Replies& found) { return events_of_each(found); });
  });
}

void RedisReads::read_tenant_events(std::uint64_t after,
                                    std::uint32_t limit,
                                    Completion<std::vector<SessionEvent>> done) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::string first = std::to_string(after == most ? most : after + 1);
  // COUNT 0 would mean none to us and is not defined by the server.
  ask_for<std::vector<SessionEvent>>(
      RedisCommands().add({"XRANGE", keys_.events(), first, "+", "COUNT",
                           limit_text(std::max<std::uint32_t>(1, limit))}),
      std::move(done),
      [limit](const Replies& replies) { return events_of_list(replies.front(), limit); });
}

void RedisReads::list_outbox(const OutboxQuery& query, Completion<std::vector<OutboxEntry>> done) {
  RedisCommands commands;
  for (const OutboxEntry::State state : {OutboxEntry::State::kPending, OutboxEntry::State::kDead}) {
    if (!query.state || *query.state == state) {
      commands.add({"ZRANGEBYSCORE", keys_.outbox_with(state), "(" + std::to_string(query.after),
                    "+inf", "LIMIT", "0", limit_text(query.limit)});
    }
  }
  ask(std::move(commands),
      [this, limit = query.limit, done = std::move(done)](const Result<Replies>& replies) {
        if (replies.has_error()) {
          done(replies.error());
          return;
        }
        fetch<OutboxEntry>(keys_.outbox(), lowest_numbers(*replies, limit), done);
      });
}

void RedisReads::find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done) {
  ask_for<std::optional<OutboxEntry>>(
      RedisCommands().add({"HGET", keys_.outbox(), std::to_string(id)}), std::move(done),
      [](const Replies& replies) { return value_of<OutboxEntry>(replies.front()); });
}

struct RedisReads::RecordScan {
  RecordQuery query;
  std::optional<PagePlace> behind;
  Completion<std::vector<KeptRecord>> done;
  std::vector<KeptRecord> found = {};
  std::uint64_t offset = 0;

  /// Takes what fits of the next records.
  void take(std::vector<KeptRecord> records) {
    for (KeptRecord& kept : records) {
      const bool is_behind = !behind || kept.at < behind->at || kept.record.id < behind->id;
      const bool is_wanted = !query.kind || kept.record.kind == *query.kind;
      if (is_behind && is_wanted && found.size() < query.limit) {
        found.push_back(std::move(kept));
      }
    }
  }
};

void RedisReads::list_records(const RecordQuery& query, Completion<std::vector<KeptRecord>> done) {
  std::optional<PagePlace> behind = parse_page_cursor(query.after);
  if (!query.after.empty() && !behind) {
    ask_for<std::vector<KeptRecord>>(RedisCommands().add({"PING"}), std::move(done),
                                     [](const Replies&) -> Result<std::vector<KeptRecord>> {
                                       return bad_page_cursor("records");
                                     });
    return;
  }
  scan_records(std::make_shared<RecordScan>(RecordScan{query, std::move(behind), std::move(done)}));
}

void RedisReads::scan_records(const std::shared_ptr<RecordScan>& scan) {
  const std::uint32_t step =
      scan->query.kind ? kScanStep : std::min(kScanStep, std::max(scan->query.limit, 1U));
  RedisCommands commands;
  // From the place's own millisecond on: what is before it there is left out below.
  commands.add({"ZREVRANGEBYSCORE", keys_.records_by_time(),
                scan->behind ? redis_time(scan->behind->at) : "+inf", redis_time(scan->query.since),
                "LIMIT", limit_text(scan->offset), limit_text(step)});
  ask(std::move(commands), [this, scan, step](const Result<Replies>& replies) {
    if (replies.has_error()) {
      scan->done(replies.error());
      return;
    }
    const std::vector<std::string> ids = texts_of(replies->front());
    scan->offset += step;
    fetch<KeptRecord>(
        keys_.records(), ids,
        [this, scan, is_last = ids.size() < step](Result<std::vector<KeptRecord>> records) {
          if (records.has_error()) {
            scan->done(records.error());
            return;
          }
          scan->take(std::move(*records));
          if (is_last || scan->found.size() >= scan->query.limit) {
            scan->done(std::move(scan->found));
          } else {
            scan_records(scan);
          }
        });
  });
}

void RedisReads::find_record(const std::string& id, Completion<std::optional<KeptRecord>> done) {
  RedisCommands commands;
  commands.add({"HGET", keys_.records(), id});
  commands.add({"HGET", keys_.records_by_external_id(), id});
  ask(std::move(commands), [this, id, done = std::move(done)](const Result<Replies>& replies) {
    if (replies.has_error()) {
      done(replies.error());
      return;
    }
    const RedisReply& external = replies->back();
    if (!replies->front().is_nil() || external.is_nil()) {
      done(value_of<KeptRecord>(replies->front()));
      return;
    }
    ask_for<std::optional<KeptRecord>>(
        RedisCommands().add({"HGET", keys_.records(), external.text}), done,
        [id](const Replies& found) { return record_named(found.front(), id); });
  });
}

void RedisReads::find_customer(const std::string& phone, Completion<std::optional<Customer>> done) {
  ask_for<std::optional<Customer>>(
      RedisCommands().add({"HGET", keys_.customers(), phone}), std::move(done),
      [](const Replies& replies) { return value_of<Customer>(replies.front()); });
}

void RedisReads::collect_usage(const std::vector<std::string>& months, Completion<Replies> done) {
  RedisCommands commands;
  // The living first: one that ends in between is then in both, and is counted once by its name.
  for (const SessionStatus status :
       {SessionStatus::kInitializing, SessionStatus::kReady, SessionStatus::kActive}) {
    commands.add({"ZRANGE", keys_.sessions_with(status), "0", "-1"});
  }
  for (const std::string& month : months) {
    commands.add({"LRANGE", keys_.usage(month), "0", "-1"});
  }
  ask(std::move(commands), std::move(done));
}

void RedisReads::read_usage(WallTime within, Completion<UsageTotal> done) {
  collect_usage({usage_month(within)}, [this, within,
                                        done = std::move(done)](const Result<Replies>& replies) {
    if (replies.has_error()) {
      done(replies.error());
      return;
    }
    const auto records = usage_records_of(*replies);
    if (records.has_error()) {
      done(records.error());
      return;
    }
    fetch<Session>(keys_.sessions(), living_of(*replies),
                   [within, done, records = *records](const Result<std::vector<Session>>& living) {
                     living.has_error() ? done(living.error())
                                        : done(usage_total(records, *living, within));
                   });
  });
}

void RedisReads::read_analytics(WallTime from, WallTime to, Completion<Analytics> done) {
  ask(RedisCommands().add({"SMEMBERS", keys_.usage_months()}),
      [this, from, to, done = std::move(done)](const Result<Replies>& known) {
        if (known.has_error()) {
          done(known.error());
          return;
        }
        collect_usage(
            months_between(known->front(), from, to),
            [this, from, to, done](const Result<Replies>& replies) {
              if (replies.has_error()) {
                done(replies.error());
                return;
              }
              const auto records = usage_records_of(*replies);
              if (records.has_error()) {
                done(records.error());
                return;
              }
              fetch<Session>(
                  keys_.sessions(), living_of(*replies),
                  [from, to, done, records = *records](const Result<std::vector<Session>>& living) {
                    living.has_error() ? done(living.error())
                                       : done(analytics_of(records, *living, from, to));
                  });
            });
      });
}

}  // namespace voicectl::runtime
