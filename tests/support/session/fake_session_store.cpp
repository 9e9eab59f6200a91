// SPDX-License-Identifier: Apache-2.0
#include "tests/support/session/fake_session_store.h"

#include <algorithm>
#include <utility>

namespace voicectl::runtime {
namespace {

/// As the embedded store: ended sessions that are at hand after opening.
constexpr std::chrono::hours kEndedAtHand{1};

Error not_open() {
  return {ErrorCode::kUnavailable, "cannot use the session store: it is not open"};
}

std::vector<SessionEvent> first_of(std::vector<SessionEvent> events, std::uint32_t limit) {
  if (events.size() > limit) {
    events.erase(events.begin() + limit, events.end());
  }
  return events;
}

/// Whether `session` comes behind the place that the cursor names, newest first.
bool is_behind(const Session& session, const std::string& cursor) {
  const std::string at = cursor.substr(0, cursor.find('.'));
  const std::string name = cursor.substr(cursor.find('.') + 1);
  const std::int64_t number = session.created_at.time_since_epoch().count();
  return std::pair(number, session.session.str()) < std::pair(std::stol(at), name);
}

/// Usage outlives the sessions.
std::map<std::string, Session> all_usage(const FakeStoreDisk& disk) {
  std::map<std::string, Session> all = disk.sessions;
  all.insert(disk.usage.begin(), disk.usage.end());
  return all;
}

}  // namespace

FakeSessionStore::FakeSessionStore(Reactor& reactor, FakeStoreDisk& disk, FencingToken token)
    : reactor_(reactor),
      disk_(disk),
      token_(token),
      broken_(not_open()),
      self_(std::make_shared<FakeSessionStore*>(this)) {}

template <typename T>
void FakeSessionStore::answer(Completion<T> done, Result<T> outcome) {
  reactor_.post(
      [done = std::move(done), outcome = std::move(outcome), alive = std::weak_ptr(self_)] {
        if (!alive.expired()) {
          done(outcome);
        }
      });
}

void FakeSessionStore::open(WallTime now, Completion<StoreContents> done) {
  if (!open_failure_ && disk_.token > token_.value) {
    answer<StoreContents>(std::move(done), Error(ErrorCode::kFenced, "cannot open: taken over"));
    return;
  }
  if (open_failure_) {
    answer<StoreContents>(std::move(done), *open_failure_);
    return;
  }
  disk_.token = token_.value;
  broken_.reset();
  answer<StoreContents>(std::move(done), contents(now));
}

StoreContents FakeSessionStore::contents(WallTime now) const {
  StoreContents read;
  for (const auto& [id, session] : disk_.sessions) {
    if (is_live(session.status) || (session.end_time && *session.end_time > now - kEndedAtHand)) {
      read.sessions.push_back(session);
    }
    read.sessions_this_month +=
        session.created_at >= month_start(now) && session.status != SessionStatus::kFailed ? 1 : 0;
  }
  for (const StoredResponse& response : disk_.responses) {
    if (response.at > now - std::chrono::duration_cast<std::chrono::milliseconds>(kResponsesKept)) {
      read.responses.push_back(response);
    }
  }
  for (const auto& [id, kept] : disk_.records) {
    if (kept.record.booking && kept.record.booking->end > now) {
      read.bookings.push_back(*kept.record.booking);
    }
  }
  for (const auto& [id, entry] : disk_.outbox) {
    if (entry.state == OutboxEntry::State::kPending) {
      read.outbox.push_back(entry);
    } else {
      read.dead_outbox_keys.push_back(entry.idempotency_key);
    }
  }
  for (const auto& [id, session] : disk_.usage) {
    read.sessions_this_month += session.created_at >= month_start(now) ? 1 : 0;
  }
  read.last_tenant_seq = disk_.events.empty() ? 0 : disk_.events.back().tenant_seq;
  read.last_outbox_id = disk_.last_outbox_id;
  return read;
}

void FakeSessionStore::commit(StoreBatch batch, std::function<void(Status)> done) {
  if (!broken_) {
    const Status written =
        next_failure_ ? Status(*std::exchange(next_failure_, std::nullopt)) : write(batch);
    if (written.has_error()) {
      broken_ = written.error();
    }
  }
  const Status outcome = broken_ ? Status(*broken_) : ok_status();
  reactor_.post([done = std::move(done), outcome, alive = std::weak_ptr(self_)] {
    if (!alive.expired()) {
      done(outcome);
    }
  });
}

Status FakeSessionStore::write(const StoreBatch& batch) {
  if (disk_.token != token_.value) {
    return Error(ErrorCode::kFenced, "cannot write: taken over");
  }
  for (const SessionEvent& event : batch.events) {
    if (!disk_.events.empty() && event.tenant_seq <= disk_.events.back().tenant_seq) {
      return Error(ErrorCode::kAlreadyExists, "cannot write: an event of that number is there");
    }
    disk_.events.push_back(event);
  }
  for (const Session& session : batch.sessions) {
    disk_.sessions.insert_or_assign(session.session.str(), session);
  }
  for (const BusinessRecord& record : batch.records) {
    disk_.records.insert_or_assign(record.id,
                                   KeptRecord{record, batch.sessions.front().session, batch.at});
  }
  for (const InboxEntry& entry : batch.inbox) {
    disk_.inbox.emplace(std::pair(entry.call_id, entry.event), entry);
  }
  for (const OutboxEntry& entry : batch.outbox) {
    const std::uint64_t holder =
        disk_.outbox_keys.try_emplace(entry.idempotency_key, entry.id).first->second;
    if (holder != entry.id && disk_.outbox.count(holder) > 0) {
      return Error(ErrorCode::kAlreadyExists, "cannot write: an entry has that key");
    }
    disk_.outbox_keys[entry.idempotency_key] = entry.id;
    disk_.outbox.insert_or_assign(entry.id, entry);
    disk_.last_outbox_id = std::max(disk_.last_outbox_id, entry.id);
  }
  for (const std::uint64_t id : batch.outbox_done) {
    disk_.outbox.erase(id);
  }
  for (const Customer& customer : batch.customers) {
    disk_.customers.insert_or_assign(customer.phone, customer);
  }
  if (batch.response) {
    disk_.responses.push_back(*batch.response);
  }
  remove(batch.expired);
  return ok_status();
}

void FakeSessionStore::list_sessions(SessionQuery query, Completion<SessionPage> done) {
  if (!query.after.empty() &&
      query.after.find_first_not_of("0123456789") != query.after.find('.')) {
    answer<SessionPage>(std::move(done), Error(ErrorCode::kInvalidArgument, "cannot list: cursor"));
    return;
  }
  std::vector<Session> fitting;
  for (const auto& [id, session] : disk_.sessions) {
    if ((!query.status || session.status == *query.status) &&
        (!query.created_after || session.created_at >= *query.created_after) &&
        (!query.created_before || session.created_at < *query.created_before) &&
        (query.after.empty() || is_behind(session, query.after))) {
      fitting.push_back(session);
    }
  }
  std::sort(fitting.begin(), fitting.end(), [](const Session& a, const Session& b) {
    return std::pair(a.created_at, a.session.str()) > std::pair(b.created_at, b.session.str());
  });
  SessionPage page;
  if (fitting.size() > query.limit) {
    fitting.erase(fitting.begin() + query.limit, fitting.end());
    page.next = page_cursor(fitting.back());
  }
  page.sessions = std::move(fitting);
  answer<SessionPage>(std::move(done), std::move(page));
}

void FakeSessionStore::find_session(const SessionId& id, Completion<std::optional<Session>> done) {
  const auto found = disk_.sessions.find(id.str());
  answer<std::optional<Session>>(
      std::move(done), found == disk_.sessions.end() ? std::nullopt : std::optional(found->second));
}

void FakeSessionStore::find_session_by_call(const std::string& call_id,
                                            Completion<std::optional<Session>> done) {
  std::optional<Session> found;
  for (const auto& [id, session] : disk_.sessions) {
    if (session.ultravox_call_id == call_id) {
      found = session;
    }
  }
  answer<std::optional<Session>>(std::move(done), std::move(found));
}

void FakeSessionStore::read_session_events(const SessionId& id,
                                           std::uint64_t after,
                                           std::uint32_t limit,
                                           Completion<std::vector<SessionEvent>> done) {
  std::vector<SessionEvent> events;
  for (const SessionEvent& event : disk_.events) {
    if (event.session == id && event.seq > after) {
      events.push_back(event);
    }
  }
  answer<std::vector<SessionEvent>>(std::move(done), first_of(std::move(events), limit));
}

void FakeSessionStore::read_tenant_events(std::uint64_t after,
                                          std::uint32_t limit,
                                          Completion<std::vector<SessionEvent>> done) {
  std::vector<SessionEvent> events;
  for (const SessionEvent& event : disk_.events) {
    if (event.tenant_seq > after) {
      events.push_back(event);
    }
  }
  answer<std::vector<SessionEvent>>(std::move(done), first_of(std::move(events), limit));
}

void FakeSessionStore::list_outbox(OutboxQuery query, Completion<std::vector<OutboxEntry>> done) {
  std::vector<OutboxEntry> entries;
  for (const auto& [id, entry] : disk_.outbox) {
    const bool fits = id > query.after && (!query.state || entry.state == *query.state);
    if (fits && entries.size() < query.limit) {
      entries.push_back(entry);
    }
  }
  answer<std::vector<OutboxEntry>>(std::move(done), std::move(entries));
}

void FakeSessionStore::find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done) {
  const auto found = disk_.outbox.find(id);
  answer<std::optional<OutboxEntry>>(
      std::move(done), found == disk_.outbox.end() ? std::nullopt : std::optional(found->second));
}

void FakeSessionStore::list_records(RecordQuery query, Completion<std::vector<KeptRecord>> done) {
  const auto place = parse_page_cursor(query.after);
  if (!query.after.empty() && !place) {
    answer<std::vector<KeptRecord>>(std::move(done), bad_page_cursor("records"));
    return;
  }
  std::vector<KeptRecord> records;
  for (const auto& [id, kept] : disk_.records) {
    const bool is_on_page =
        !place || std::pair(kept.at, kept.record.id) < std::pair(place->at, place->id);
    if (is_on_page && kept.at >= query.since && (!query.kind || kept.record.kind == *query.kind)) {
      records.push_back(kept);
    }
  }
  std::sort(records.begin(), records.end(), [](const KeptRecord& a, const KeptRecord& b) {
    return std::pair(a.at, a.record.id) > std::pair(b.at, b.record.id);
  });
  if (records.size() > query.limit) {
    records.erase(records.begin() + query.limit, records.end());
  }
  answer<std::vector<KeptRecord>>(std::move(done), std::move(records));
}

void FakeSessionStore::find_record(const std::string& id,
                                   Completion<std::optional<KeptRecord>> done) {
  std::optional<KeptRecord> found;
  for (const auto& [own, kept] : disk_.records) {
    const bool external = !found && !id.empty() && kept.record.external_id == id;
    if (own == id || external) {
      found = kept;
    }
  }
  answer<std::optional<KeptRecord>>(std::move(done), std::move(found));
}

void FakeSessionStore::find_customer(const std::string& phone,
                                     Completion<std::optional<Customer>> done) {
  const auto found = disk_.customers.find(phone);
  answer<std::optional<Customer>>(std::move(done), found == disk_.customers.end()
                                                       ? std::nullopt
                                                       : std::optional(found->second));
}

void FakeSessionStore::read_usage(WallTime within, Completion<UsageTotal> done) {
  UsageTotal total;
  for (const auto& [id, session] : all_usage(disk_)) {
    const bool counts = session.status != SessionStatus::kFailed &&
                        session.created_at >= month_start(within) &&
                        session.created_at < month_end(within);
    if (counts) {
      ++total.sessions;
      total.duration += session.duration.value_or(std::chrono::seconds(0));
      total.billed_duration += session.billed_duration.value_or(std::chrono::seconds(0));
      total.tool_calls += session.tool_calls;
    }
  }
  answer<UsageTotal>(std::move(done), total);
}

void FakeSessionStore::read_analytics(WallTime from, WallTime to, Completion<Analytics> done) {
  Analytics analytics;
  for (const auto& [id, session] : all_usage(disk_)) {
    if (session.created_at >= from && session.created_at < to) {
      ++analytics.sessions;
      ++analytics.by_status[std::string(name_of(session.status))];
      ++analytics.by_outcome[session.business_outcome];
      analytics.duration += session.duration.value_or(std::chrono::seconds(0));
      analytics.tool_calls += session.tool_calls;
    }
  }
  answer<Analytics>(std::move(done), std::move(analytics));
}

void FakeSessionStore::release(FencingToken next, std::function<void(Status)> done) {
  Status outcome = broken_ ? Status(*broken_) : ok_status();
  if (outcome.has_value() && disk_.token != token_.value) {
    outcome = Error(ErrorCode::kFenced, "cannot give away: taken over");
  }
  if (outcome.has_value()) {
    disk_.token = next.value;
  }
  broken_ = Error(ErrorCode::kFenced, "cannot write: given away");
  answer<void>(std::move(done), std::move(outcome));
}

bool FakeSessionStore::is_owed(const std::string& session) const {
  return std::any_of(disk_.outbox.begin(), disk_.outbox.end(),
                     [&](const auto& entry) { return entry.second.session == session; });
}

void FakeSessionStore::remove(const Expired& expired) {
  std::erase_if(disk_.events, [&](const SessionEvent& event) {
    return event.tenant_seq <= expired.events_through;
  });
  for (const ExpiredSession& gone : expired.sessions) {
    const auto found = disk_.sessions.find(gone.session.str());
    if (found != disk_.sessions.end() && !is_owed(found->first)) {
      disk_.usage.insert(disk_.sessions.extract(found));
    }
  }
  for (const auto& key : expired.inbox) {
    disk_.inbox.erase(key);
  }
}

void FakeSessionStore::find_expired(ExpiryQuery query, Completion<Expired> done) {
  Expired expired;
  for (std::size_t i = 0; i + 1 < disk_.events.size() && i < query.limit; ++i) {
    const auto owner = disk_.sessions.find(disk_.events[i].session.str());
    const bool lives = owner != disk_.sessions.end() && is_live(owner->second.status);
    if (lives || disk_.events[i].at >= query.events_before) {
      break;
    }
    expired.events_through = disk_.events[i].tenant_seq;
  }
  for (const auto& [id, session] : disk_.sessions) {
    const bool has_events =
        std::any_of(disk_.events.begin(), disk_.events.end(), [&](const SessionEvent& event) {
          return event.session == session.session && event.tenant_seq > expired.events_through;
        });
    if (!is_live(session.status) &&
        session.end_time.value_or(session.created_at) < query.sessions_before && !is_owed(id) &&
        !has_events && expired.sessions.size() < query.limit) {
      expired.sessions.push_back({session.session, session.status, session.ultravox_call_id});
    }
  }
  for (const auto& [key, entry] : disk_.inbox) {
    if (entry.at < query.inbox_before && expired.inbox.size() < query.limit) {
      expired.inbox.push_back(key);
    }
  }
  answer<Expired>(std::move(done), std::move(expired));
}

void FakeSessionStore::close(std::function<void()> done) {
  broken_ = not_open();
  reactor_.post(std::move(done));
}

}  // namespace voicectl::runtime
