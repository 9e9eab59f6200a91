// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "runtime/session/session_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {

/// One tenant's place to keep sessions in, empty at first, and a loop that serves its stores.
class SessionStoreWorld {
 public:
  virtual ~SessionStoreWorld() = default;
  /// A store on this world's place. Several may exist; the one with the highest token holds it.
  virtual std::unique_ptr<SessionStore> make(FencingToken token) = 0;
  /// Runs the loop until `done` says so.
  virtual void run_until(const std::function<bool()>& done) = 0;
};

/// What every SessionStore promises. Include in one source per program and instantiate.
class SessionStoreContract
    : public ::testing::TestWithParam<std::unique_ptr<SessionStoreWorld> (*)()> {
 protected:
  void SetUp() override {
    store_ = world_->make(FencingToken{1});
    ASSERT_THAT(open(*store_), IsOk());
  }

  /// What a call on a store completes with.
  template <typename T>
  Result<T> outcome_of(const std::function<void(Completion<T>)>& call) {
    std::optional<Result<T>> outcome;
    call([&outcome](Result<T> got) { outcome.emplace(std::move(got)); });
    world_->run_until([&outcome] { return outcome.has_value(); });
    return std::move(*outcome);
  }

  Result<StoreContents> open(SessionStore& store, WallTime now = FixedWallClock().now()) {
    return outcome_of<StoreContents>(
        [&](Completion<StoreContents> done) { store.open(now, std::move(done)); });
  }

  Status commit(SessionStore& store, StoreBatch batch) {
    std::optional<Status> outcome;
    store.commit(std::move(batch), [&outcome](Status got) { outcome.emplace(std::move(got)); });
    world_->run_until([&outcome] { return outcome.has_value(); });
    return *outcome;
  }

  /// The place as a process finds it that comes after a kill.
  Result<StoreContents> contents_after_kill() {
    store_.reset();
    store_ = world_->make(FencingToken{++token_});
    return open(*store_);
  }

  Session a_session(std::uint64_t number, SessionStatus status = SessionStatus::kReady) const {
    Session session(make_session_id(tenant_, "0123456789ab" + std::to_string(1000 + number)),
                    tenant_);
    session.status = status;
    session.created_at = now_ + std::chrono::milliseconds(number);
    session.ultravox_call_id = "call-" + std::to_string(number);
    return session;
  }

  StoreBatch with(Session session) const {
    StoreBatch batch;
    batch.at = now_;
    batch.sessions.push_back(std::move(session));
    return batch;
  }

  /// A session and its first event, which has the tenant-wide number `number`.
  StoreBatch with_event(std::uint64_t number) const {
    StoreBatch batch = with(a_session(number));
    batch.events = {
        {batch.sessions.front().session, 1, number, "session.created", now_, R"({"a":"ä\u0000"})"}};
    return batch;
  }

  static OutboxEntry an_entry(std::uint64_t id) {
    OutboxEntry entry;
    entry.id = id;
    entry.session = "acme_0123456789ab1001";
    entry.kind = "erpnext.place_order";
    entry.idempotency_key = "key-" + std::to_string(id);
    entry.payload = R"({"items":[]})";
    entry.created_at = entry.next_attempt = FixedWallClock().now();
    return entry;
  }

  const TenantId tenant_ = *TenantId::parse("acme");
  const WallTime now_ = FixedWallClock().now();
  std::uint64_t token_ = 1;
  std::unique_ptr<SessionStoreWorld> world_ = GetParam()();
  std::unique_ptr<SessionStore> store_;
};

TEST_P(SessionStoreContract, IsEmptyAtFirst) {
  const Result<StoreContents> contents = contents_after_kill();

  ASSERT_THAT(contents, IsOk());
  EXPECT_TRUE(contents->sessions.empty());
  EXPECT_TRUE(contents->outbox.empty());
  EXPECT_EQ(contents->last_tenant_seq, 0U);
  EXPECT_EQ(contents->last_outbox_id, 0U);
}

TEST_P(SessionStoreContract, FindsABatchAgainAfterAKill) {
  StoreBatch batch = with_event(1);
  const Booking booking{"appt-1", now_ + std::chrono::hours(1), now_ + std::chrono::hours(2),
                        "Dr Smith"};
  batch.records.push_back({BusinessRecord::Kind::kAppointment, "appt-1", booking, R"({"x":1})"});
  batch.response = StoredResponse{"POST /x 1", 201, "{}", now_};
  batch.inbox.push_back({"call-1", "call.joined", "{}", now_});
  ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());

  const Result<StoreContents> contents = contents_after_kill();

  ASSERT_THAT(contents, IsOk());
  ASSERT_EQ(contents->sessions.size(), 1U);
  EXPECT_EQ(to_stored_text(contents->sessions.front()), to_stored_text(a_session(1)));
  ASSERT_EQ(contents->bookings.size(), 1U);
  EXPECT_EQ(contents->bookings.front().staff, "Dr Smith");
  EXPECT_EQ(contents->bookings.front().end, booking.end);
  ASSERT_EQ(contents->responses.size(), 1U);
  EXPECT_EQ(contents->responses.front().status, 201);
  EXPECT_EQ(contents->last_tenant_seq, 1U);
  EXPECT_EQ(contents->sessions_this_month, 1U);
}

TEST_P(SessionStoreContract, LeavesOldAnswersAndPastBookingsOnTheDisk) {
  StoreBatch batch = with_event(1);
  batch.records.push_back({BusinessRecord::Kind::kAppointment, "appt-1",
                           Booking{"appt-1", now_ - std::chrono::hours(2), now_, ""}, "{}"});
  batch.response = StoredResponse{"POST /x 1", 201, "{}", now_ - std::chrono::minutes(11)};
  ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());

  const Result<StoreContents> contents = contents_after_kill();

  ASSERT_THAT(contents, IsOk());
  EXPECT_TRUE(contents->bookings.empty());
  EXPECT_TRUE(contents->responses.empty());
}

TEST_P(SessionStoreContract, ReplacesASessionThatIsWrittenAgain) {
  ASSERT_THAT(commit(*store_, with(a_session(1))), IsOk());
  Session ended = a_session(1, SessionStatus::kCompleted);
  ended.end_time = now_;
  ASSERT_THAT(commit(*store_, with(ended)), IsOk());

  const auto found = outcome_of<std::optional<Session>>(
      [&](Completion<std::optional<Session>> done) { store_->find_session(ended.session, done); });

  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ((*found)->status, SessionStatus::kCompleted);
}

TEST_P(SessionStoreContract, FindsSessionsByNameAndByCall) {
  ASSERT_THAT(commit(*store_, with(a_session(1))), IsOk());

  const auto by_call =
      outcome_of<std::optional<Session>>([&](Completion<std::optional<Session>> done) {
        store_->find_session_by_call("call-1", done);
      });
  const auto nobody =
      outcome_of<std::optional<Session>>([&](Completion<std::optional<Session>> done) {
        store_->find_session_by_call("other", done);
      });
  const auto unknown =
      outcome_of<std::optional<Session>>([&](Completion<std::optional<Session>> done) {
        store_->find_session(a_session(2).session, done);
      });

  ASSERT_TRUE(by_call.has_value() && by_call->has_value());
  EXPECT_EQ((*by_call)->session, a_session(1).session);
  EXPECT_TRUE(nobody.has_value() && !nobody->has_value());
  EXPECT_TRUE(unknown.has_value() && !unknown->has_value());
}

TEST_P(SessionStoreContract, KeepsEndedSessionsListableButOutOfMemory) {
  Session ended = a_session(1, SessionStatus::kCompleted);
  ended.end_time = now_ - std::chrono::hours(2);
  ASSERT_THAT(commit(*store_, with(ended)), IsOk());
  ASSERT_THAT(commit(*store_, with(a_session(2))), IsOk());

  const Result<StoreContents> contents = contents_after_kill();
  const auto page = outcome_of<SessionPage>([&](Completion<SessionPage> done) {
    store_->list_sessions({SessionStatus::kCompleted, "", 10}, done);
  });

  ASSERT_THAT(contents, IsOk());
  ASSERT_EQ(contents->sessions.size(), 1U);
  EXPECT_EQ(contents->sessions.front().session, a_session(2).session);
  ASSERT_THAT(page, IsOk());
  ASSERT_EQ(page->sessions.size(), 1U);
  EXPECT_EQ(page->sessions.front().session, ended.session);
}

TEST_P(SessionStoreContract, PagesSessionsNewestFirst) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_THAT(commit(*store_, with(a_session(i))), IsOk());
  }
  std::vector<std::uint64_t> seen;
  SessionQuery query{std::nullopt, "", 2};
  do {
    const auto page = outcome_of<SessionPage>(
        [&](Completion<SessionPage> done) { store_->list_sessions(query, done); });
    ASSERT_THAT(page, IsOk());
    for (const Session& session : page->sessions) {
      seen.push_back(static_cast<std::uint64_t>((session.created_at - now_).count()));
    }
    query.after = page->next;
  } while (!query.after.empty());

  EXPECT_EQ(seen, (std::vector<std::uint64_t>{5, 4, 3, 2, 1}));
}

TEST_P(SessionStoreContract, PagesSessionsOfASpanOfTime) {
  for (std::uint64_t i = 1; i <= 6; ++i) {
    const auto status = i % 2 == 0 ? SessionStatus::kReady : SessionStatus::kActive;
    ASSERT_THAT(commit(*store_, with(a_session(i, status))), IsOk());
  }
  const auto seen = [&](std::optional<SessionStatus> status, std::string after) {
    std::vector<std::uint64_t> numbers;
    SessionQuery query{status, std::move(after), 2, now_ + std::chrono::milliseconds(2),
                       now_ + std::chrono::milliseconds(6)};
    do {
      const auto page = outcome_of<SessionPage>(
          [&](Completion<SessionPage> done) { store_->list_sessions(query, done); });
      for (const Session& session : page->sessions) {
        numbers.push_back(static_cast<std::uint64_t>((session.created_at - now_).count()));
      }
      query.after = page->next;
    } while (!query.after.empty());
    return numbers;
  };

  EXPECT_EQ(seen(std::nullopt, ""), (std::vector<std::uint64_t>{5, 4, 3, 2}));
  EXPECT_EQ(seen(SessionStatus::kActive, ""), (std::vector<std::uint64_t>{5, 3}));
  // Cursors of a list without bounds.
  EXPECT_EQ(seen(std::nullopt, page_cursor(a_session(9))),
            (std::vector<std::uint64_t>{5, 4, 3, 2}));
  EXPECT_TRUE(seen(std::nullopt, page_cursor(a_session(1))).empty());
}

TEST_P(SessionStoreContract, RefusesACursorOfSomebodyElse) {
  const auto page = outcome_of<SessionPage>([&](Completion<SessionPage> done) {
    store_->list_sessions({std::nullopt, "x'; DROP TABLE sessions", 2}, done);
  });

  EXPECT_THAT(page, FailsWith(ErrorCode::kInvalidArgument));
}

TEST_P(SessionStoreContract, ReadsEventsBehindANumber) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_THAT(commit(*store_, with_event(i)), IsOk());
  }

  const auto tenant = outcome_of<std::vector<SessionEvent>>(
      [&](Completion<std::vector<SessionEvent>> done) { store_->read_tenant_events(2, 2, done); });
  const auto session =
      outcome_of<std::vector<SessionEvent>>([&](Completion<std::vector<SessionEvent>> done) {
        store_->read_session_events(a_session(4).session, 0, 10, done);
      });

  ASSERT_THAT(tenant, IsOk());
  ASSERT_EQ(tenant->size(), 2U);
  EXPECT_EQ(tenant->front().tenant_seq, 3U);
  ASSERT_THAT(session, IsOk());
  ASSERT_EQ(session->size(), 1U);
  EXPECT_EQ(session->front().tenant_seq, 4U);
  EXPECT_EQ(session->front().data, R"({"a":"ä\u0000"})");
}

TEST_P(SessionStoreContract, FailsEverythingBehindAFailedCommitUntilItIsOpenedAgain) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  EXPECT_FALSE(commit(*store_, with_event(1)).has_value());
  EXPECT_FALSE(commit(*store_, with_event(2)).has_value());

  ASSERT_THAT(open(*store_), IsOk());

  EXPECT_THAT(commit(*store_, with_event(2)), IsOk());
  EXPECT_EQ(contents_after_kill()->last_tenant_seq, 2U);
}

TEST_P(SessionStoreContract, WritesNothingOfABatchThatFails) {
  ASSERT_THAT(commit(*store_, with_event(1)), IsOk());
  StoreBatch twice = with_event(1);
  twice.sessions.front() = a_session(7);
  twice.outbox = {an_entry(1)};
  ASSERT_FALSE(commit(*store_, std::move(twice)).has_value());

  const Result<StoreContents> contents = contents_after_kill();

  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->sessions.size(), 1U);
  EXPECT_TRUE(contents->outbox.empty());
}

TEST_P(SessionStoreContract, RefusesAnOlderToken) {
  const auto newer = world_->make(FencingToken{7});
  ASSERT_THAT(open(*newer), IsOk());
  const auto older = world_->make(FencingToken{6});

  EXPECT_THAT(open(*older), FailsWith(ErrorCode::kFenced));
}

TEST_P(SessionStoreContract, LetsTheNextHolderInAndWritesNothingMore) {
  std::vector<Status> outcomes;
  store_->commit(with(a_session(1)), [&](Status got) { outcomes.push_back(std::move(got)); });
  std::optional<Status> released;
  store_->release(FencingToken{2}, [&](Status got) { released = std::move(got); });
  world_->run_until([&] { return released.has_value(); });
  ASSERT_THAT(*released, IsOk());
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_THAT(outcomes[0], IsOk());

  const auto next = world_->make(FencingToken{2});
  const Result<StoreContents> contents = open(*next);

  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->sessions.size(), 1U);
  EXPECT_THAT(commit(*store_, with(a_session(2))), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(commit(*next, with(a_session(3))), IsOk());
}

TEST_P(SessionStoreContract, ComesBackWithANewerTokenAfterItWasGivenAway) {
  std::optional<Status> released;
  store_->release(FencingToken{2}, [&](Status got) { released = std::move(got); });
  world_->run_until([&] { return released.has_value(); });
  const auto next = world_->make(FencingToken{2});
  ASSERT_THAT(open(*next), IsOk());

  store_->renew(FencingToken{3});
  ASSERT_THAT(open(*store_), IsOk());

  EXPECT_THAT(commit(*store_, with(a_session(1))), IsOk());
  EXPECT_THAT(commit(*next, with(a_session(2))), FailsWith(ErrorCode::kFenced));
}

TEST_P(SessionStoreContract, WritesNothingOnceItWasTakenOver) {
  const auto newer = world_->make(FencingToken{2});
  ASSERT_THAT(open(*newer), IsOk());

  EXPECT_THAT(commit(*store_, with(a_session(1))), FailsWith(ErrorCode::kFenced));
  const auto found =
      outcome_of<std::optional<Session>>([&](Completion<std::optional<Session>> done) {
        newer->find_session(a_session(1).session, done);
      });
  ASSERT_THAT(found, IsOk());
  EXPECT_FALSE(found->has_value());
}

TEST_P(SessionStoreContract, KeepsTheOutboxInItsOrderAndItsHighestNumberForEver) {
  StoreBatch batch = with(a_session(1));
  batch.outbox = {an_entry(1), an_entry(2), an_entry(3)};
  ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());
  StoreBatch outcome;
  outcome.at = now_;
  OutboxEntry tried = an_entry(2);
  tried.attempts = 1;
  tried.last_error = "cannot connect";
  tried.next_attempt = now_ + std::chrono::seconds(5);
  outcome.outbox = {tried};
  outcome.outbox_done = {1, 3, 99};
  ASSERT_THAT(commit(*store_, std::move(outcome)), IsOk());

  const Result<StoreContents> contents = contents_after_kill();

  ASSERT_THAT(contents, IsOk());
  ASSERT_EQ(contents->outbox.size(), 1U);
  const OutboxEntry& left = contents->outbox.front();
  EXPECT_EQ(left.id, 2U);
  EXPECT_EQ(left.attempts, 1U);
  EXPECT_EQ(left.last_error, "cannot connect");
  EXPECT_EQ(left.next_attempt, tried.next_attempt);
  EXPECT_EQ(left.payload, an_entry(2).payload);
  EXPECT_EQ(contents->last_outbox_id, 3U);
}

TEST_P(SessionStoreContract, KeepsDeadEntriesOutOfMemoryButListed) {
  StoreBatch batch = with(a_session(1));
  OutboxEntry dead = an_entry(1);
  dead.state = OutboxEntry::State::kDead;
  batch.outbox = {dead, an_entry(2)};
  ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());

  const Result<StoreContents> contents = contents_after_kill();
  const auto listed =
      outcome_of<std::vector<OutboxEntry>>([&](Completion<std::vector<OutboxEntry>> done) {
        store_->list_outbox({OutboxEntry::State::kDead, 0, 10}, done);
      });
  const auto all =
      outcome_of<std::vector<OutboxEntry>>([&](Completion<std::vector<OutboxEntry>> done) {
        store_->list_outbox({std::nullopt, 1, 10}, done);
      });
  const auto one = outcome_of<std::optional<OutboxEntry>>(
      [&](Completion<std::optional<OutboxEntry>> done) { store_->find_outbox(1, done); });

  ASSERT_EQ(contents->outbox.size(), 1U);
  EXPECT_EQ(contents->outbox.front().id, 2U);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().id, 1U);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().id, 2U);
  ASSERT_TRUE(one.has_value() && one->has_value());
  EXPECT_EQ((*one)->state, OutboxEntry::State::kDead);
}

TEST_P(SessionStoreContract, ListsRecordsAndFindsThemByBothOfTheirNames) {
  StoreBatch order = with(a_session(1));
  order.records = {{BusinessRecord::Kind::kOrder, "order-1", std::nullopt, R"({"total":"1.00"})"}};
  ASSERT_THAT(commit(*store_, std::move(order)), IsOk());
  StoreBatch later = with(a_session(1));
  later.at = now_ + std::chrono::seconds(1);
  later.records = {{BusinessRecord::Kind::kOrder, "order-1", std::nullopt, "{}", "VRO-0001"},
                   {BusinessRecord::Kind::kTicket, "ticket-1", std::nullopt, "{}"}};
  ASSERT_THAT(commit(*store_, std::move(later)), IsOk());

  const auto orders =
      outcome_of<std::vector<KeptRecord>>([&](Completion<std::vector<KeptRecord>> done) {
        store_->list_records({BusinessRecord::Kind::kOrder, now_, 10}, done);
      });
  const auto found = outcome_of<std::optional<KeptRecord>>(
      [&](Completion<std::optional<KeptRecord>> done) { store_->find_record("VRO-0001", done); });
  const auto unknown = outcome_of<std::optional<KeptRecord>>(
      [&](Completion<std::optional<KeptRecord>> done) { store_->find_record("", done); });

  ASSERT_EQ(orders->size(), 1U);
  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ((*found)->record.id, "order-1");
  EXPECT_EQ((*found)->session, a_session(1).session);
  EXPECT_EQ((*found)->at, now_ + std::chrono::seconds(1));
  EXPECT_FALSE(unknown->has_value());
}

TEST_P(SessionStoreContract, RemembersCustomers) {
  StoreBatch batch = with(a_session(1));
  batch.customers = {{"4366012345", "Jane", now_, now_, 1, "{}"}};
  ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());
  StoreBatch again = with(a_session(2));
  again.customers = {{"4366012345", "Jane Doe", now_, now_ + std::chrono::hours(1), 2, "{}"}};
  ASSERT_THAT(commit(*store_, std::move(again)), IsOk());

  const auto known = outcome_of<std::optional<Customer>>(
      [&](Completion<std::optional<Customer>> done) { store_->find_customer("4366012345", done); });
  const auto unknown = outcome_of<std::optional<Customer>>(
      [&](Completion<std::optional<Customer>> done) { store_->find_customer("1", done); });

  ASSERT_TRUE(known.has_value() && known->has_value());
  EXPECT_EQ((*known)->name, "Jane Doe");
  EXPECT_EQ((*known)->sessions, 2U);
  EXPECT_FALSE(unknown->has_value());
}

TEST_P(SessionStoreContract, TakesAwayWhatHasOutlivedItsTimeAndKeepsWhatCountsOrIsOwed) {
  const WallTime long_ago = now_ - std::chrono::days(500);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    StoreBatch batch = with_event(i);
    Session& session = batch.sessions.front();
    session.created_at = long_ago + std::chrono::seconds(i);
    session.last_seq = 1;
    // The third one still lives, and the second one is owed something.
    session.status = i == 3 ? SessionStatus::kActive : SessionStatus::kCompleted;
    session.end_time = i == 3 ? std::nullopt : std::optional(session.created_at);
    session.duration = std::chrono::seconds(60);
    batch.at = batch.events.front().at = session.created_at;
    batch.inbox.push_back(
        {"call-" + std::to_string(i), "call.ended", "{}", i == 4 ? now_ : session.created_at});
    if (i == 2) {
      OutboxEntry dead = an_entry(1);
      dead.session = session.session.str();
      dead.state = OutboxEntry::State::kDead;
      batch.outbox = {dead};
      batch.records = {{BusinessRecord::Kind::kOrder, "order-1", std::nullopt, "{}"}};
    }
    ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());
  }
  const auto analytics_before = outcome_of<Analytics>(
      [&](Completion<Analytics> done) { store_->read_analytics(long_ago, now_, done); });
  const WallTime limit = now_ - std::chrono::days(400);
  const auto find = [&] {
    return outcome_of<Expired>([&](Completion<Expired> done) {
      store_->find_expired({limit, limit, limit, 10}, done);
    });
  };
  const auto expired = find();
  ASSERT_THAT(expired, IsOk());
  StoreBatch removal;
  removal.at = now_;
  removal.expired = *expired;
  ASSERT_THAT(commit(*store_, std::move(removal)), IsOk());

  const Result<StoreContents> contents = contents_after_kill();
  const auto page = outcome_of<SessionPage>([&](Completion<SessionPage> done) {
    store_->list_sessions({std::nullopt, "", 10}, done);
  });
  const auto events = outcome_of<std::vector<SessionEvent>>(
      [&](Completion<std::vector<SessionEvent>> done) { store_->read_tenant_events(0, 10, done); });
  const auto of_second =
      outcome_of<std::vector<SessionEvent>>([&](Completion<std::vector<SessionEvent>> done) {
        store_->read_session_events(a_session(2).session, 0, 10, done);
      });
  const auto analytics_after = outcome_of<Analytics>(
      [&](Completion<Analytics> done) { store_->read_analytics(long_ago, now_, done); });
  const auto order = outcome_of<std::optional<KeptRecord>>(
      [&](Completion<std::optional<KeptRecord>> done) { store_->find_record("order-1", done); });

  EXPECT_EQ(expired->events_through, 2U);
  EXPECT_EQ(expired->sessions.size(), 1U);
  EXPECT_EQ(expired->inbox.size(), 3U);
  // The fourth session's events stand behind those of one that lives.
  ASSERT_EQ(page->sessions.size(), 3U);
  ASSERT_EQ(events->size(), 2U);
  EXPECT_EQ(events->front().tenant_seq, 3U);
  EXPECT_TRUE(of_second->empty());
  EXPECT_EQ(contents->last_tenant_seq, 4U);
  EXPECT_EQ(*analytics_after, *analytics_before);
  EXPECT_TRUE(order->has_value());
  EXPECT_TRUE(find()->empty());
  EXPECT_THAT(contents->dead_outbox_keys, ::testing::ElementsAre("key-1"));
}

TEST_P(SessionStoreContract, NeverTakesAwayTheLastEventWhoseNumberCounts) {
  StoreBatch batch = with_event(7);
  batch.sessions.front().status = SessionStatus::kCompleted;
  batch.sessions.front().end_time = now_;
  ASSERT_THAT(commit(*store_, std::move(batch)), IsOk());

  const WallTime later = now_ + std::chrono::days(1000);
  const auto expired = outcome_of<Expired>([&](Completion<Expired> done) {
    store_->find_expired({later, later, later, 10}, done);
  });

  ASSERT_THAT(expired, IsOk());
  EXPECT_TRUE(expired->empty());
}

TEST_P(SessionStoreContract, KeepsASessionThatIsOwedSomethingSinceItWasLookedFor) {
  Session session = a_session(1, SessionStatus::kCompleted);
  session.end_time = now_;
  ASSERT_THAT(commit(*store_, with(session)), IsOk());
  StoreBatch debt;
  debt.at = now_;
  debt.outbox = {an_entry(1)};
  debt.outbox.front().session = session.session.str();
  ASSERT_THAT(commit(*store_, std::move(debt)), IsOk());
  StoreBatch removal;
  removal.at = now_;
  removal.expired.sessions = {{session.session, session.status, session.ultravox_call_id}};
  ASSERT_THAT(commit(*store_, std::move(removal)), IsOk());

  const auto found =
      outcome_of<std::optional<Session>>([&](Completion<std::optional<Session>> done) {
        store_->find_session(session.session, done);
      });

  EXPECT_TRUE(found.has_value() && found->has_value());
}

TEST_P(SessionStoreContract, CountsASessionOnceHoweverOftenItIsWritten) {
  Session session = a_session(1, SessionStatus::kActive);
  ASSERT_THAT(commit(*store_, with(session)), IsOk());
  session.status = SessionStatus::kCompleted;
  session.duration = std::chrono::seconds(60);
  session.billed_duration = std::chrono::seconds(66);
  session.tool_calls = 3;
  session.business_outcome = "order.created";
  ASSERT_THAT(commit(*store_, with(session)), IsOk());
  ASSERT_THAT(commit(*store_, with(session)), IsOk());
  ASSERT_THAT(commit(*store_, with(a_session(2, SessionStatus::kFailed))), IsOk());

  const auto usage =
      outcome_of<UsageTotal>([&](Completion<UsageTotal> done) { store_->read_usage(now_, done); });
  const auto before = outcome_of<UsageTotal>([&](Completion<UsageTotal> done) {
    store_->read_usage(month_start(now_) - std::chrono::hours(1), done);
  });

  EXPECT_EQ(*usage, (UsageTotal{1, std::chrono::seconds(60), std::chrono::seconds(66), 3}));
  EXPECT_EQ(*before, UsageTotal{});
  EXPECT_EQ(contents_after_kill()->sessions_this_month, 1U);
}

TEST_P(SessionStoreContract, CountsWhatALiveSessionHasComeTo) {
  Session session = a_session(1, SessionStatus::kActive);
  ASSERT_THAT(commit(*store_, with(session)), IsOk());
  session.tool_calls = 2;
  session.business_outcome = "order.created";
  ASSERT_THAT(commit(*store_, with(session)), IsOk());

  const auto usage =
      outcome_of<UsageTotal>([&](Completion<UsageTotal> done) { store_->read_usage(now_, done); });
  const auto analytics = outcome_of<Analytics>([&](Completion<Analytics> done) {
    store_->read_analytics(now_, now_ + std::chrono::hours(1), done);
  });

  EXPECT_EQ(usage->sessions, 1U);
  EXPECT_EQ(usage->tool_calls, 2U);
  EXPECT_EQ(analytics->by_outcome.at("order.created"), 1U);
  EXPECT_EQ(analytics->tool_calls, 2U);
}

TEST_P(SessionStoreContract, TellsHowAPeriodWent) {
  Session session = a_session(1, SessionStatus::kCompleted);
  session.duration = std::chrono::seconds(60);
  session.tool_calls = 2;
  session.business_outcome = "order.created";
  ASSERT_THAT(commit(*store_, with(session)), IsOk());
  ASSERT_THAT(commit(*store_, with(a_session(2, SessionStatus::kFailed))), IsOk());
  Session later = a_session(3);
  later.created_at = now_ + std::chrono::hours(2);
  ASSERT_THAT(commit(*store_, with(later)), IsOk());

  const auto analytics = outcome_of<Analytics>([&](Completion<Analytics> done) {
    store_->read_analytics(now_, now_ + std::chrono::hours(1), done);
  });

  ASSERT_THAT(analytics, IsOk());
  EXPECT_EQ(analytics->sessions, 2U);
  EXPECT_EQ(analytics->by_status.at("completed"), 1U);
  EXPECT_EQ(analytics->by_status.at("failed"), 1U);
  EXPECT_EQ(analytics->by_outcome.at("order.created"), 1U);
  EXPECT_EQ(analytics->duration, std::chrono::seconds(60));
  EXPECT_EQ(analytics->tool_calls, 2U);
}

TEST_P(SessionStoreContract, FinishesItsWritesBeforeItCloses) {
  std::vector<std::string> order;
  store_->commit(with(a_session(1)), [&order](const Status& outcome) {
    order.emplace_back(outcome.has_value() ? "written" : "failed");
  });
  store_->close([&order] { order.emplace_back("closed"); });
  world_->run_until([&order] { return order.size() == 2; });

  EXPECT_EQ(order, (std::vector<std::string>{"written", "closed"}));
  EXPECT_THAT(commit(*store_, with(a_session(2))), FailsWith(ErrorCode::kUnavailable));
}

}  // namespace voicectl::runtime
