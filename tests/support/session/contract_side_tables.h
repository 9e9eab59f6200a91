// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/session/session_store_contract.h"

/// What is kept beside sessions: outbox, records, customers. See contract_session_store.h.
namespace voicectl::runtime {

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

TEST_P(SessionStoreContract, PagesRecordsWithoutLeavingOneOutOrShowingOneTwice) {
  const auto at = [this](int milliseconds, std::vector<BusinessRecord> records) {
    StoreBatch batch = with(a_session(1));
    batch.at = now_ + std::chrono::milliseconds(milliseconds);
    batch.records = std::move(records);
    return commit(*store_, std::move(batch));
  };
  using Kind = BusinessRecord::Kind;
  // Five of one moment, and some before and after it.
  ASSERT_THAT(
      at(1, {{Kind::kOrder, "order-a", std::nullopt}, {Kind::kTicket, "ticket-a", std::nullopt}}),
      IsOk());
  ASSERT_THAT(at(2, {{Kind::kOrder, "order-b", std::nullopt},
                     {Kind::kOrder, "order-c", std::nullopt},
                     {Kind::kTicket, "ticket-b", std::nullopt},
                     {Kind::kOrder, "order-d", std::nullopt},
                     {Kind::kTicket, "ticket-c", std::nullopt}}),
              IsOk());
  ASSERT_THAT(at(3, {{Kind::kOrder, "order-e", std::nullopt}}), IsOk());
  const auto seen = [this](std::optional<Kind> kind, std::uint32_t limit) {
    std::vector<std::string> ids;
    RecordQuery query{kind, now_, limit};
    while (true) {
      const auto page = outcome_of<std::vector<KeptRecord>>(
          [&](Completion<std::vector<KeptRecord>> done) { store_->list_records(query, done); });
      for (const KeptRecord& kept : *page) {
        ids.push_back(kept.record.id);
      }
      if (page->empty()) {
        return ids;
      }
      query.after = record_cursor(page->back());
    }
  };
  const std::vector<std::string> all = {"order-e", "ticket-c", "ticket-b", "order-d",
                                        "order-c", "order-b",  "ticket-a", "order-a"};
  const std::vector<std::string> orders = {"order-e", "order-d", "order-c", "order-b", "order-a"};

  for (const std::uint32_t limit : {1U, 2U, 3U, 50U}) {
    EXPECT_EQ(seen(std::nullopt, limit), all) << limit;
    EXPECT_EQ(seen(Kind::kOrder, limit), orders) << limit;
  }
  const auto refused =
      outcome_of<std::vector<KeptRecord>>([&](Completion<std::vector<KeptRecord>> done) {
        store_->list_records({std::nullopt, now_, 2, "x'; DROP TABLE records"}, done);
      });
  EXPECT_THAT(refused, FailsWith(ErrorCode::kInvalidArgument));
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

}  // namespace voicectl::runtime
