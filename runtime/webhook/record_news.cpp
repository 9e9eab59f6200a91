// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/record_news.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "runtime/outbox/retry_schedule.h"

namespace voicectl::runtime {
namespace {

/// Records whose last news are remembered beside the store.
constexpr std::size_t kDecisionsKept = 256;
constexpr std::size_t kKnownKept = 64;

/// Updates that wait for their records at a time. More than a site changes while orders are on
/// their way; a flood of them must not fill the store.
constexpr std::size_t kMostWaiting = 1000;

DeliveryOutcome try_again(std::string why) {
  DeliveryOutcome outcome;
  outcome.verdict = DeliveryOutcome::Verdict::kAgain;
  outcome.error = std::move(why);
  return outcome;
}

}  // namespace

RecordNews::RecordNews(Deps deps)
    : deps_(std::move(deps)), self_(std::make_shared<RecordNews*>(this)) {}

Change RecordNews::decide(const KeptRecord& kept,
                          const RecordUpdate& update,
                          const std::optional<Session>& session) {
  KeptRecord known = kept;
  const std::string& id = kept.record.id;
  const auto deciding = deciding_.find(id);
  if (deciding != deciding_.end() && is_news(known, deciding->second) && session) {
    known.record = change_for(known, deciding->second, *session).records.front();
  }
  if (!session || !is_news(known, update)) {
    return {};
  }
  RecordUpdate decided = update;
  decided.name = id;
  deciding_.insert_or_assign(id, std::move(decided));
  if (deciding_.size() > kDecisionsKept) {
    const auto oldest = deciding_.begin();
    deciding_.erase(oldest->first == id ? std::next(oldest) : oldest);
  }
  return change_for(known, update, *session);
}

std::vector<NewEffect> RecordNews::keep_waiting(const RecordUpdate& update,
                                                const std::string& body) const {
  if (!may_be_known(update.name) || waiting_.size() >= kMostWaiting) {
    return {};
  }
  const std::string told_by = update.modified.empty() ? body : update.modified;
  return {{std::string(kKind), "",
           std::string(kKind) + ":" + sha256_hex(update.name + "\n" + told_by), body}};
}

bool RecordNews::may_be_known(const std::string& name) const {
  return deps_.may_come() ||
         std::find(known_lately_.begin(), known_lately_.end(), name) != known_lately_.end();
}

void RecordNews::on_record_known(const std::string& name) {
  known_lately_.push_back(name);
  if (known_lately_.size() > kKnownKept) {
    known_lately_.pop_front();
  }
  const auto [first, last] = waiting_.equal_range(name);
  std::vector<std::uint64_t> ids;
  std::for_each(first, last, [&ids](const auto& entry) { ids.push_back(entry.second); });
  waiting_.erase(first, last);
  for (const std::uint64_t id : ids) {
    // One that is being looked at this moment, or is gone, needs no push.
    deps_.outbox.retry(id, [](const Result<OutboxEntry>&) {});
  }
}

void RecordNews::resume(const std::vector<OutboxEntry>& pending) {
  waiting_.clear();
  for (const OutboxEntry& entry : pending) {
    if (entry.kind == kKind) {
      put_off(entry);
    }
  }
}

void RecordNews::put_off(const OutboxEntry& entry) {
  const Result<RecordUpdate> update = parse_record_update(entry.payload);
  if (update.has_value()) {
    waiting_.emplace(update->name, entry.id);
  }
}

void RecordNews::deliver(const OutboxEntry& entry,
                         Attempt,
                         std::function<void(DeliveryOutcome)> done) {
  const Result<RecordUpdate> update = parse_record_update(entry.payload);
  if (update.has_error()) {
    DeliveryOutcome outcome;
    outcome.verdict = DeliveryOutcome::Verdict::kRefused;
    outcome.error = update.error().text();
    done(std::move(outcome));
    return;
  }
  std::erase_if(waiting_, [&](const auto& one) { return one.second == entry.id; });
  const bool is_last = entry.attempts + 1 >= kAttemptWaits.size();
  deps_.store.find_record(
      update->name, [this, update = *update, is_last, done = std::move(done),
                     alive = std::weak_ptr(self_)](const Result<std::optional<KeptRecord>>& found) {
        if (alive.expired()) {
          return;
        }
        if (found.has_error()) {
          done(try_again(found.error().text()));
        } else if (*found) {
          apply(**found, update, done);
        } else if (may_be_known(update.name) && !is_last) {
          done(try_again("its record is not known yet"));
        } else {
          // It was about an order that nobody gave us.
          done({});
        }
      });
}

void RecordNews::apply(const KeptRecord& kept,
                       const RecordUpdate& update,
                       std::function<void(DeliveryOutcome)> done) {
  deps_.book.fetch(kept.session,
                   [this, kept, update, done = std::move(done),
                    alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& session) {
                     if (alive.expired()) {
                       return;
                     }
                     if (session.has_error()) {
                       done(try_again(session.error().text()));
                       return;
                     }
                     DeliveryOutcome outcome;
                     outcome.change = decide(kept, update, *session);
                     done(std::move(outcome));
                   });
}

}  // namespace voicectl::runtime
