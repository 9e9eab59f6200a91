// SPDX-License-Identifier: Apache-2.0
// The reads of RedisStore: refused until it was opened, then passed on.
#include <utility>

#include "runtime/redis/redis_reads.h"
#include "runtime/redis/redis_store.h"

namespace voicectl::runtime {

template <typename T, typename Read>
void RedisStore::read(Completion<T> done, Read read) {
  if (reads_ && !is_closed_) {
    read(*reads_, std::move(done));
    return;
  }
  deps_.reactor.post([done = std::move(done), alive = std::weak_ptr(self_)] {
    if (!alive.expired()) {
      done(Error(ErrorCode::kUnavailable,
                 "cannot read the session store: it is not open; try again"));
    }
  });
}

void RedisStore::list_sessions(SessionQuery query, Completion<SessionPage> done) {
  read<SessionPage>(std::move(done), [&](RedisReads& from, Completion<SessionPage> then) {
    from.list_sessions(query, std::move(then));
  });
}

void RedisStore::find_session(const SessionId& id, Completion<std::optional<Session>> done) {
  read<std::optional<Session>>(std::move(done), [&](RedisReads& from, auto then) {
    from.find_session(id.str(), std::move(then));
  });
}

void RedisStore::find_session_by_call(const std::string& call_id,
                                      Completion<std::optional<Session>> done) {
  read<std::optional<Session>>(std::move(done), [&](RedisReads& from, auto then) {
    from.find_session_by_call(call_id, std::move(then));
  });
}

void RedisStore::read_session_events(const SessionId& id,
                                     std::uint64_t after,
                                     std::uint32_t limit,
                                     Completion<std::vector<SessionEvent>> done) {
  read<std::vector<SessionEvent>>(std::move(done), [&](RedisReads& from, auto then) {
    from.read_session_events(id, after, limit, std::move(then));
  });
}

void RedisStore::read_tenant_events(std::uint64_t after,
                                    std::uint32_t limit,
                                    Completion<std::vector<SessionEvent>> done) {
  read<std::vector<SessionEvent>>(std::move(done), [&](RedisReads& from, auto then) {
    from.read_tenant_events(after, limit, std::move(then));
  });
}

void RedisStore::list_outbox(OutboxQuery query, Completion<std::vector<OutboxEntry>> done) {
  read<std::vector<OutboxEntry>>(std::move(done), [&](RedisReads& from, auto then) {
    from.list_outbox(query, std::move(then));
  });
}

void RedisStore::find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done) {
  read<std::optional<OutboxEntry>>(
      std::move(done), [&](RedisReads& from, auto then) { from.find_outbox(id, std::move(then)); });
}

void RedisStore::list_records(RecordQuery query, Completion<std::vector<KeptRecord>> done) {
  read<std::vector<KeptRecord>>(std::move(done), [&](RedisReads& from, auto then) {
    from.list_records(query, std::move(then));
  });
}

void RedisStore::find_record(const std::string& id, Completion<std::optional<KeptRecord>> done) {
  read<std::optional<KeptRecord>>(
      std::move(done), [&](RedisReads& from, auto then) { from.find_record(id, std::move(then)); });
}

void RedisStore::find_customer(const std::string& phone, Completion<std::optional<Customer>> done) {
  read<std::optional<Customer>>(std::move(done), [&](RedisReads& from, auto then) {
    from.find_customer(phone, std::move(then));
  });
}

void RedisStore::read_usage(WallTime within, Completion<UsageTotal> done) {
  read<UsageTotal>(std::move(done),
                   [&](RedisReads& from, auto then) { from.read_usage(within, std::move(then)); });
}

void RedisStore::read_analytics(WallTime from, WallTime to, Completion<Analytics> done) {
  read<Analytics>(std::move(done), [&](RedisReads& reads, auto then) {
    reads.read_analytics(from, to, std::move(then));
  });
}

void RedisStore::find_expired(ExpiryQuery query, Completion<Expired> done) {
  read<Expired>(std::move(done), [&](RedisReads& reads, auto then) {
    reads.find_expired(query, index_.owed(), std::move(then));
  });
}

}  // namespace voicectl::runtime
