// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/session/session_store_contract.h"

/// What outlives its time, and what a bill needs. See contract_session_store.h.
namespace voicectl::runtime {

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

}  // namespace voicectl::runtime
