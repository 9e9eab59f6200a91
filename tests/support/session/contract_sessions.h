// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/session/session_store_contract.h"

/// Sessions, events, and who holds the store. See contract_session_store.h.
namespace voicectl::runtime {

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
