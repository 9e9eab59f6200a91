// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/runtime/outbox/outbox_fixture.h"

#include <algorithm>

namespace voicectl::runtime {

void ScriptedSide::deliver(const OutboxEntry& entry,
                           Attempt attempt,
                           std::function<void(DeliveryOutcome)> done) {
  tries.push_back({reactor_.now(), entry.id, entry.idempotency_key, entry.session, attempt});
  most_in_flight = std::max(most_in_flight, ++in_flight);
  if (takes == Duration(0)) {
    finish(entry, done);
    return;
  }
  reactor_.call_after(takes, [this, entry, done = std::move(done)] { finish(entry, done); });
}

void ScriptedSide::finish(const OutboxEntry& entry,
                          const std::function<void(DeliveryOutcome)>& done) {
  --in_flight;
  DeliveryOutcome delivery = answer(entry);
  if (delivery.verdict == DeliveryOutcome::Verdict::kDone) {
    ++effects[entry.idempotency_key];
  }
  done(std::move(delivery));
}

void ScriptedSide::give_up(const OutboxEntry& entry, std::function<void(DeliveryOutcome)> done) {
  given_up.push_back(entry.id);
  done({});
}

DeliveryOutcome failed(DeliveryOutcome::Verdict verdict,
                       std::string error,
                       std::optional<Duration> retry_after) {
  DeliveryOutcome delivery;
  delivery.verdict = verdict;
  delivery.error = std::move(error);
  delivery.retry_after = retry_after;
  return delivery;
}

OutboxTest::Process::Process(OutboxTest& test)
    : loop(test.world_),
      store(loop, test.disk_, FencingToken{1}),
      book({loop, test.clock_, test.random_, store, hub, *InstanceId::parse("shared-0")},
           {[this](const Error&, std::optional<Duration>) { outbox->stop(); },
            [this](const StoreContents& contents) { outbox->resume(contents); }}) {
  outbox.emplace(
      Outbox::Deps{loop, test.clock_, test.random_, store, book,
                   [&test](const OutboxEntry& entry) { test.told_dead_.push_back(entry.id); }});
  outbox->add("erp.", test.side_);
  outbox->add("uv.", test.other_side_);
}

void OutboxTest::start() {
  process_.emplace(*this);
  process_->book.open([](const Status& outcome) { ASSERT_THAT(outcome, IsOk()); });
  world_.settle();
}

void OutboxTest::kill() {
  process_->loop.kill();
  process_.reset();
}

void OutboxTest::decide(const std::string& key, const std::string& session, std::string kind) {
  process_->outbox->commit({}, {{std::move(kind), session, key, "{}"}},
                           [this](const Status& outcome) { outcomes_.push_back(outcome); });
}

std::vector<std::string> OutboxTest::keys_tried() const {
  std::vector<std::string> keys;
  for (const ScriptedSide::Try& one : side_.tries) {
    keys.push_back(one.key);
  }
  return keys;
}

}  // namespace voicectl::runtime
