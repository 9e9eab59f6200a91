// SPDX-License-Identifier: Apache-2.0
// The half of RedisReads that finds what has outlived its time.
#include <algorithm>
#include <utility>

#include "runtime/redis/redis_read_values.h"
#include "runtime/redis/redis_reads.h"

namespace voicectl::runtime {

struct RedisReads::ExpiryScan {
  ExpiryQuery query;
  std::set<std::string> owed;
  Completion<Expired> done;
  Expired expired = {};
  std::vector<std::string> candidates = {};
  /// Events up to this number are gone, or will be with this batch.
  std::uint64_t gone_through = 0;
};

namespace {

constexpr std::size_t kLivingLists = 3;

/// Events from the oldest on that are old and of sessions that are over; `last` stays in any case.
Result<std::uint64_t> old_events(const RedisReply& entries,
                                 const std::set<std::string>& living,
                                 const RedisReply& last,
                                 const ExpiryQuery& query) {
  std::uint64_t through = 0;
  VC_TRY(const std::vector<SessionEvent> newest, events_of_list(last, 1));
  VC_TRY(const std::vector<SessionEvent> events, events_of_list(entries, query.limit));
  for (const SessionEvent& event : events) {
    if (event.at >= query.events_before || living.contains(event.session.str()) ||
        event.tenant_seq == newest.front().tenant_seq) {
      break;
    }
    through = event.tenant_seq;
  }
  return through;
}

std::uint64_t last_number(const RedisReply& list) {
  return list.elements.empty() ? 0 : std::strtoull(list.elements.front().text.c_str(), nullptr, 10);
}

/// Number of the oldest event in a list of entries; 0 if there is none.
std::uint64_t oldest_number(const RedisReply& entries) {
  return entries.elements.empty()
             ? 0
             : std::strtoull(entries.elements.front().elements.front().text.c_str(), nullptr, 10);
}

}  // namespace

void RedisReads::find_expired(const ExpiryQuery& query,
                              const std::set<std::string>& owed,
                              Completion<Expired> done) {
  const auto scan = std::make_shared<ExpiryScan>(ExpiryScan{query, owed, std::move(done)});
  const auto before = [](WallTime at) { return "(" + redis_time(at); };
  const std::string limit = std::to_string(query.limit);
  RedisCommands commands;
  for (const SessionStatus status :
       {SessionStatus::kInitializing, SessionStatus::kReady, SessionStatus::kActive}) {
    commands.add({"ZRANGE", keys_.sessions_with(status), "0", "-1"});
  }
  commands.add({"XRANGE", keys_.events(), "-", "+", "COUNT", limit});
  commands.add({"XREVRANGE", keys_.events(), "+", "-", "COUNT", "1"});
  // Those that stay because of the outbox must not stand in the way of the others.
  commands.add({"ZRANGEBYSCORE", keys_.sessions_by_end(), "-inf", before(query.sessions_before),
                "LIMIT", "0", std::to_string(query.limit + owed.size())});
  commands.add({"ZRANGEBYSCORE", keys_.inbox_by_time(), "-inf", before(query.inbox_before), "LIMIT",
                "0", limit});
  ask(std::move(commands), [this, scan](const Result<Replies>& replies) {
    if (replies.has_error()) {
      scan->done(replies.error());
      return;
    }
    std::set<std::string> living;
    for (std::size_t i = 0; i < kLivingLists; ++i) {
      for (const RedisReply& name : (*replies)[i].elements) {
        living.insert(name.text);
      }
    }
    const Result<std::uint64_t> through =
        old_events((*replies)[kLivingLists], living, (*replies)[kLivingLists + 1], scan->query);
    if (through.has_error()) {
      scan->done(through.error());
      return;
    }
    scan->expired.events_through = *through;
    const std::uint64_t oldest = oldest_number((*replies)[kLivingLists]);
    scan->gone_through = std::max(*through, oldest > 0 ? oldest - 1 : 0);
    for (const RedisReply& name : (*replies)[kLivingLists + 2].elements) {
      if (!living.contains(name.text) && !scan->owed.contains(name.text)) {
        scan->candidates.push_back(name.text);
      }
    }
    for (const RedisReply& field : (*replies)[kLivingLists + 3].elements) {
      // The time of the entry is not asked for: any will do.
      if (Result<InboxEntry> entry = inbox_entry_of(field.text, "0 "); entry.has_value()) {
        scan->expired.inbox.emplace_back(entry->call_id, entry->event);
      }
    }
    find_expired_sessions(scan);
  });
}

void RedisReads::find_expired_sessions(const std::shared_ptr<ExpiryScan>& scan) {
  if (scan->candidates.empty()) {
    scan->done(std::move(scan->expired));
    return;
  }
  RedisCommands commands;
  commands.begin(2 + scan->candidates.size()).word("HMGET").word(keys_.sessions());
  for (const std::string& name : scan->candidates) {
    commands.word(name);
  }
  for (const std::string& name : scan->candidates) {
    const Result<SessionId> id = SessionId::parse(name);
    commands.add(
        {"ZREVRANGE", id.has_value() ? keys_.events_of(*id) : keys_.sessions_by_end(), "0", "0"});
  }
  ask(std::move(commands), [scan](const Result<Replies>& replies) {
    if (replies.has_error()) {
      scan->done(replies.error());
      return;
    }
    const std::vector<RedisReply>& documents = replies->front().elements;
    for (std::size_t i = 0; i < documents.size() && i < scan->candidates.size(); ++i) {
      const Result<std::optional<Session>> session = value_of<Session>(documents[i]);
      const bool is_over =
          session.has_value() && session->has_value() && !is_live((*session)->status);
      if (is_over && last_number((*replies)[1 + i]) <= scan->gone_through &&
          scan->expired.sessions.size() < scan->query.limit) {
        scan->expired.sessions.push_back(
            {(*session)->session, (*session)->status, (*session)->ultravox_call_id});
      }
    }
    scan->done(std::move(scan->expired));
  });
}

}  // namespace voicectl::runtime
