// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/boxed.h"
#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/session/event_hub.h"
#include "runtime/session/session.h"
#include "runtime/session/session_event.h"
#include "runtime/session/session_store.h"
#include "runtime/session/session_table.h"

namespace voicectl::runtime {

struct NewEvent {
  EventType type = EventType::kSessionCreated;
  /// JSON object.
  std::string data = "{}";
};

/// What one request does to one session, decided and not yet numbered.
struct Change {
  /// The session as it is to be; absent if only the rest is stored. Its `last_seq` is set here.
  Boxed<Session> session;
  /// REQUIRES: `session` is set if there are any.
  std::vector<NewEvent> events;
  std::vector<BusinessRecord> records;
  std::vector<InboxEntry> inbox;
  std::vector<OutboxEntry> outbox;
  std::vector<std::uint64_t> outbox_done;
  std::vector<Customer> customers;
  std::optional<StoredResponse> response;
  Expired expired = {};
};

/// Time from the decision that makes an event until it is durable and passed on.
struct EventLag {
  std::uint64_t events = 0;
  Duration total{0};
  Duration longest{0};
};

/// The sessions of one tenant in memory and on disk, kept in step: a change counts in memory at
/// once, and is told to anybody (answers, events) only when it is durable.
///
/// When the store fails, memory holds what never became durable: it is dropped, changes are
/// refused, reads come from what the disk has, and the store is opened again with backoff.
/// THREADS: loop thread only.
class SessionBook {
 public:
  struct Handlers {
    /// The store failed; the next try to open it comes after `wait` (nullopt: none, the tenant
    /// was taken over by somebody else).
    std::function<void(const Error& error, std::optional<Duration> wait)> on_broken;
    /// Runs after every successful opening, the first one included, before anything else.
    std::function<void(const StoreContents& contents)> on_opened;
  };

  struct Deps {
    Reactor& reactor;
    const WallClock& clock;
    Random& random;
    SessionStore& store;
    EventHub& hub;
    /// Written into every session that changes: which instance served it last.
    InstanceId instance;
  };

  /// REQUIRES: what `deps` refers to outlives it.
  SessionBook(Deps deps, Handlers handlers);
  ~SessionBook();
  SessionBook(const SessionBook&) = delete;
  SessionBook& operator=(const SessionBook&) = delete;

  /// Opens the store. A failure is final here; the caller decides. ERRORS: as SessionStore::open.
  void open(std::function<void(Status)> done);

  /// Refuses changes from now on because of `why`, and tells nobody: the store goes to another
  /// process, or comes from one. `reopen` ends it, or `go_on` where the store is open. An opening
  /// that is under way or due after a failure is called off.
  void suspend(Error why);
  void go_on() { broken_.reset(); }
  /// Opens the store anew, as after a failure: if that fails, tries again and again.
  void reopen(std::function<void(Status)> done);

  /// Why changes are refused at present; nullopt if they are not.
  const std::optional<Error>& broken() const { return broken_; }

  /// Makes the change. `done` runs in a later turn, after the events were passed on.
  /// ERRORS: as SessionStore::commit; the caller answers that the request may be repeated.
  void commit(Change change, std::function<void(Status)> done);

  /// At hand in memory, else nullptr. Borrowed until the next turn.
  const Session* find(const SessionId& id) const { return table_.find(id); }
  const Session* find_by_request(const std::string& key) const {
    return table_.find_by_request(key);
  }
  /// From memory or from the store.
  void fetch(const SessionId& id, Completion<std::optional<Session>> done);
  void fetch_by_call(const std::string& call_id, Completion<std::optional<Session>> done);

  const SessionTable& table() const { return table_; }
  /// Sessions created in this calendar month (UTC) that did not fail.
  std::uint64_t sessions_this_month();
  /// Number of the tenant's last event; it may be on its way to the disk.
  std::uint64_t last_tenant_seq() const { return last_tenant_seq_; }
  const EventLag& event_lag() const { return lag_; }
  /// Goes on counting where another process ended.
  void count_lag_from(const EventLag& lag) { lag_ = lag; }

 private:
  void take(const StoreContents& contents);
  void call_off_opening();
  std::vector<SessionEvent> number_events(Change& change);
  void count_usage(const Session& session);
  void finish(const std::vector<SessionEvent>& events, MonoTime decided, const Status& outcome);
  void break_down(const Error& error);
  void open_again();

  Deps deps_;
  Handlers handlers_;
  SessionTable table_;
  std::optional<Error> broken_;
  std::uint64_t last_tenant_seq_ = 0;
  std::uint64_t month_count_ = 0;
  WallTime month_{};
  WallTime last_drop_{};
  int attempt_ = 0;
  /// Grows with every opening: outcomes of batches from before it are old news.
  std::uint64_t era_ = 0;
  /// Which of the openings counts.
  std::uint64_t opening_ = 0;
  std::optional<TimerId> timer_;
  EventLag lag_;
  /// Dies with the book, so that a task that comes later is dropped.
  std::shared_ptr<SessionBook*> self_;
};

}  // namespace voicectl::runtime
