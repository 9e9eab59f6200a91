// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session_book.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "runtime/session/tenant_database.h"

namespace voicectl::runtime {
namespace {

constexpr BackoffPolicy kReopen{.first = std::chrono::seconds(1), .cap = std::chrono::seconds(30)};

/// How often old answers are dropped. A tenth of how long they are kept, so that the table stays
/// small without a write of its own for each.
constexpr Duration kDropInterval = kResponsesKept / 10;

std::chrono::milliseconds in_milliseconds(Duration length) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(length);
}

}  // namespace

SessionBook::SessionBook(Deps deps, Handlers handlers)
    : deps_(std::move(deps)),
      handlers_(std::move(handlers)),
      broken_(Error(ErrorCode::kUnavailable, "cannot change sessions: the store is not open yet")),
      self_(std::make_shared<SessionBook*>(this)) {}

SessionBook::~SessionBook() {
  call_off_opening();
}

void SessionBook::call_off_opening() {
  ++opening_;
  if (timer_) {
    deps_.reactor.cancel(*std::exchange(timer_, std::nullopt));
  }
}

void SessionBook::suspend(Error why) {
  call_off_opening();
  broken_ = std::move(why);
}

void SessionBook::open(std::function<void(Status)> done) {
  call_off_opening();
  deps_.store.open(deps_.clock.now(),
                   [this, done = std::move(done), number = opening_,
                    alive = std::weak_ptr(self_)](Result<StoreContents> contents) {
                     if (alive.expired() || number != opening_) {
                       return;
                     }
                     if (contents.has_error()) {
                       done(contents.error());
                       return;
                     }
                     take(*contents);
                     done(ok_status());
                   });
}

void SessionBook::take(const StoreContents& contents) {
  table_.clear();
  for (const Session& session : contents.sessions) {
    table_.put(session);
  }
  last_tenant_seq_ = contents.last_tenant_seq;
  deps_.hub.begin_after(last_tenant_seq_);
  month_ = month_start(deps_.clock.now());
  month_count_ = contents.sessions_this_month;
  broken_.reset();
  attempt_ = 0;
  ++era_;
  handlers_.on_opened(contents);
}

std::vector<SessionEvent> SessionBook::number_events(Change& change) {
  std::vector<SessionEvent> events;
  const WallTime now = deps_.clock.now();
  for (NewEvent& event : change.events) {
    VC_CHECK(change.session.has_value(), "events belong to a session");
    events.push_back({change.session->session, ++change.session->last_seq, ++last_tenant_seq_,
                      std::string(name_of(event.type)), now, std::move(event.data)});
  }
  return events;
}

void SessionBook::count_usage(const Session& session) {
  const Session* before = table_.find(session.session);
  const bool counted = before != nullptr && before->status != SessionStatus::kFailed;
  const bool counts = session.status != SessionStatus::kFailed;
  if (session.created_at < month_ || counted == counts) {
    return;
  }
  month_count_ += counts ? 1 : 0;
  // A failed session of another run of the count may come without having been counted.
  month_count_ -= !counts && before != nullptr && month_count_ > 0 ? 1 : 0;
}

std::uint64_t SessionBook::sessions_this_month() {
  const WallTime month = month_start(deps_.clock.now());
  if (month != month_) {
    month_ = month;
    month_count_ = 0;
  }
  return month_count_;
}

void SessionBook::commit(Change change, std::function<void(Status)> done) {
  if (broken_) {
    deps_.reactor.post([done = std::move(done), error = *broken_] { done(error); });
    return;
  }
  const MonoTime decided = deps_.reactor.now();
  const WallTime now = deps_.clock.now();
  StoreBatch batch;
  batch.at = now;
  batch.events = number_events(change);
  if (change.session) {
    change.session->instance = deps_.instance.str();
    count_usage(*change.session);
    table_.put(*change.session);
    batch.sessions.push_back(std::move(*change.session));
  }
  batch.records = std::move(change.records);
  batch.inbox = std::move(change.inbox);
  batch.outbox = std::move(change.outbox);
  batch.outbox_done = std::move(change.outbox_done);
  batch.customers = std::move(change.customers);
  batch.response = std::move(change.response);
  batch.expired = std::move(change.expired);
  for (const ExpiredSession& gone : batch.expired.sessions) {
    table_.forget(gone.session);
  }
  if ((batch.response || !batch.expired.empty()) && now - last_drop_ >= kDropInterval) {
    last_drop_ = now;
    batch.drop_responses_before = now - in_milliseconds(kResponsesKept);
  }
  auto events = std::make_shared<std::vector<SessionEvent>>(batch.events);
  deps_.store.commit(std::move(batch), [this, events, decided, era = era_, done = std::move(done),
                                        alive = std::weak_ptr(self_)](const Status& outcome) {
    if (alive.expired()) {
      return;
    }
    if (era == era_) {
      finish(*events, decided, outcome);
    }
    done(outcome);
  });
}

void SessionBook::finish(const std::vector<SessionEvent>& events,
                         MonoTime decided,
                         const Status& outcome) {
  if (outcome.has_error()) {
    if (!broken_) {
      break_down(outcome.error());
    }
    return;
  }
  const Duration lag = deps_.reactor.now() - decided;
  for (const SessionEvent& event : events) {
    ++lag_.events;
    lag_.total += lag;
    lag_.longest = std::max(lag_.longest, lag);
    deps_.hub.publish(event);
  }
}

void SessionBook::break_down(const Error& error) {
  call_off_opening();
  broken_ = error;
  table_.clear();
  if (error.code() == ErrorCode::kFenced) {
    handlers_.on_broken(error, std::nullopt);
    return;
  }
  const Duration wait = backoff(kReopen, ++attempt_, deps_.random);
  timer_ = deps_.reactor.call_after(wait, [this] { open_again(); });
  handlers_.on_broken(error, wait);
}

void SessionBook::open_again() {
  timer_.reset();
  reopen([](const Status&) {});
}

void SessionBook::reopen(std::function<void(Status)> done) {
  open([this, done = std::move(done)](const Status& outcome) {
    if (outcome.has_error()) {
      break_down(outcome.error());
    }
    done(outcome);
  });
}

void SessionBook::fetch(const SessionId& id, Completion<std::optional<Session>> done) {
  // Memory is asked when the answer is given, not before: the session may change meanwhile.
  const auto answer = [this, id, done = std::move(done),
                       alive = std::weak_ptr(self_)](Result<std::optional<Session>> stored) {
    if (alive.expired()) {
      return;
    }
    const Session* session = table_.find(id);
    done(session != nullptr ? Result<std::optional<Session>>(*session) : std::move(stored));
  };
  if (table_.find(id) == nullptr) {
    deps_.store.find_session(id, answer);
    return;
  }
  deps_.reactor.post([answer] {
    answer(Error(ErrorCode::kUnavailable, "cannot read the session: the store has just failed"));
  });
}

void SessionBook::fetch_by_call(const std::string& call_id,
                                Completion<std::optional<Session>> done) {
  if (const Session* session = table_.find_by_call(call_id)) {
    fetch(session->session, std::move(done));
    return;
  }
  deps_.store.find_session_by_call(
      call_id, [this, done = std::move(done),
                alive = std::weak_ptr(self_)](Result<std::optional<Session>> stored) {
        if (alive.expired()) {
          return;
        }
        const bool known = stored.has_value() && stored->has_value();
        const Session* session = known ? table_.find((*stored)->session) : nullptr;
        done(session != nullptr ? Result<std::optional<Session>>(*session) : std::move(stored));
      });
}

}  // namespace voicectl::runtime
