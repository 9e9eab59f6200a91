// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/outbox.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/check.h"
#include "runtime/outbox/retry_schedule.h"

namespace voicectl::runtime {
namespace {

/// Longest text of a failure that is kept with an entry.
constexpr std::size_t kMaxError = 500;

/// Entries whose turn is passed over at once while the other side is away, so that a long backlog
/// does not hold up the loop.
constexpr int kPassedOverAtOnce = 100;

std::chrono::milliseconds in_milliseconds(Duration length) {
  return std::chrono::ceil<std::chrono::milliseconds>(length);
}

std::string number_mark(std::uint64_t id) {
  return "#" + std::to_string(id);
}

DeliveryLine::Kind kind_of(const OutboxEntry& entry) {
  return entry.attempts == 0 ? DeliveryLine::Kind::kFirstAttempt : DeliveryLine::Kind::kBacklog;
}

}  // namespace

std::string effect_key(const OutboxEntry& entry) {
  const std::string mark = number_mark(entry.id);
  const std::string& key = entry.idempotency_key;
  return key.ends_with(mark) ? key.substr(0, key.size() - mark.size()) : key;
}

Outbox::Outbox(Deps deps, LinePolicy policy)
    : deps_(deps), policy_(policy), self_(std::make_shared<Outbox*>(this)) {}

Outbox::~Outbox() {
  stop();
}

void Outbox::add(std::string prefix, Deliverer& deliverer) {
  deliverers_.emplace_back(std::move(prefix), &deliverer);
}

void Outbox::stop() {
  ++era_;
  if (timer_) {
    deps_.reactor.cancel(*timer_);
    timer_.reset();
  }
  for (const auto& [name, side] : sides_) {
    if (side->timer) {
      deps_.reactor.cancel(*side->timer);
    }
  }
  sides_.clear();
  lanes_.clear();
  by_id_.clear();
  by_key_.clear();
  deciding_.clear();
  later_.clear();
  dead_.clear();
  dead_keys_.clear();
}

void Outbox::resume(const StoreContents& contents) {
  stop();
  last_id_ = contents.last_outbox_id;
  dead_keys_.insert(contents.dead_outbox_keys.begin(), contents.dead_outbox_keys.end());
  const WallTime now = deps_.clock.now();
  for (const OutboxEntry& entry : contents.outbox) {
    // A clock that was set back must not put anything off for longer than the schedule does.
    const Duration wait =
        std::clamp<Duration>(entry.next_attempt - now, Duration(0), Duration(kAttemptWaits.back()));
    put(entry, Attempt::kRepeated, wait);
  }
  find_dead(0);
  pump_all();
}

Deliverer* Outbox::deliverer_of(const OutboxEntry& entry) const {
  for (const auto& [prefix, deliverer] : deliverers_) {
    if (entry.kind.starts_with(prefix)) {
      return deliverer;
    }
  }
  return nullptr;
}

Outbox::Side& Outbox::side_of(const Deliverer& deliverer) {
  auto& side = sides_[std::string(deliverer.target())];
  if (!side) {
    side = std::make_unique<Side>(policy_);
  }
  return *side;
}

std::string Outbox::lane_key(const OutboxEntry& entry, const Deliverer& deliverer) {
  return entry.session.empty() ? fmt::format("{}/id/{}", deliverer.target(), entry.id)
                               : fmt::format("{}/session/{}", deliverer.target(), entry.session);
}

void Outbox::put(OutboxEntry entry, Attempt attempt, Duration wait) {
  const Deliverer* const deliverer = deliverer_of(entry);
  if (deliverer == nullptr) {
    return;  // of a kind that only another version knows: it stays in the store
  }
  std::string key = lane_key(entry, *deliverer);
  Lane& lane = lanes_[key];
  lane.key = std::move(key);
  lane.side = &side_of(*deliverer);
  by_id_[entry.id] = &lane;
  by_key_.emplace(effect_key(entry), entry.id);
  const auto behind = [&entry](const Item& item) { return item.entry.id > entry.id; };
  auto at = std::find_if(lane.items.begin() + (lane.is_busy ? 1 : 0), lane.items.end(), behind);
  take_out_of_line(lane);
  lane.items.insert(at, Item{std::move(entry), attempt, deps_.reactor.now() + wait});
  put_in_line(lane);
}

void Outbox::put_in_line(Lane& lane) {
  if (lane.is_busy || lane.items.empty()) {
    return;
  }
  const Item& first = lane.items.front();
  if (first.due > deps_.reactor.now()) {
    later_.emplace(first.due, first.entry.id);
  } else {
    lane.side->line.join(kind_of(first.entry), {first.due, first.entry.id});
  }
}

void Outbox::take_out_of_line(Lane& lane) {
  if (lane.is_busy || lane.items.empty()) {
    return;
  }
  const DeliveryLine::Place place{lane.items.front().due, lane.items.front().entry.id};
  later_.erase(place);
  lane.side->line.leave(place);
}

void Outbox::arm_timer() {
  if (timer_) {
    deps_.reactor.cancel(*timer_);
    timer_.reset();
  }
  if (!later_.empty()) {
    timer_ = deps_.reactor.call_at(later_.begin()->first, [this] {
      timer_.reset();
      pump_all();
    });
  }
}

bool Outbox::is_at_rest() const {
  return std::none_of(lanes_.begin(), lanes_.end(),
                      [](const auto& lane) { return lane.second.is_busy; });
}

void Outbox::wake() {
  is_resting_ = false;
  is_held_ = false;
  pump_all();
}

void Outbox::pump_all() {
  const MonoTime now = deps_.reactor.now();
  while (!later_.empty() && later_.begin()->first <= now) {
    const DeliveryLine::Place place = *later_.begin();
    later_.erase(later_.begin());
    Lane& lane = *by_id_.at(place.second);
    lane.side->line.join(kind_of(lane.items.front().entry), place);
  }
  arm_timer();
  for (const auto& [name, side] : sides_) {
    pump(*side);
  }
}

void Outbox::pump(Side& side) {
  if (is_held_) {
    return;
  }
  const MonoTime now = deps_.reactor.now();
  const std::uint64_t era = era_;
  // Whoever falls due while the other side is away has failed as if it had been asked: so the
  // schedule of each entry holds, and the other side is left alone.
  int passed_over = 0;
  while (const auto place = is_resting_ ? std::nullopt : side.line.take_paused(now)) {
    if (++passed_over > kPassedOverAtOnce) {
      side.line.join(kind_of(by_id_.at(place->second)->items.front().entry), *place);
      pump_later(side);
      return;
    }
    Lane& lane = *by_id_.at(place->second);
    lane.is_busy = true;
    fail(lane, {DeliveryOutcome::Verdict::kUnreachable,
                side.last_error,
                side.line.paused_until() - now,
                {},
                {},
                {}});
  }
  // What was tried before waits while we rest, also if an operator has just revived it.
  std::vector<DeliveryLine::Turn> resting;
  while (const auto turn = side.line.take_next(now)) {
    Lane& lane = *by_id_.at(turn->place.second);
    if (is_resting_ && lane.items.front().attempt == Attempt::kRepeated) {
      side.line.over(turn->kind);
      resting.push_back(*turn);
      continue;
    }
    start(side, lane, turn->kind);
    if (era != era_) {
      return;
    }
  }
  for (const DeliveryLine::Turn& turn : resting) {
    side.line.join(turn.kind, turn.place);
  }
  if (side.line.is_paused(now) && !side.timer) {
    side.timer = deps_.reactor.call_at(side.line.paused_until(), [this, &side] {
      side.timer.reset();
      pump(side);
    });
  }
}

void Outbox::start(Side& side, Lane& lane, DeliveryLine::Kind kind) {
  lane.is_busy = true;
  // A copy: the entry must not change while somebody else works on it.
  const OutboxEntry entry = lane.items.front().entry;
  const Attempt attempt = lane.items.front().attempt;
  deliverer_of(entry)->deliver(entry, attempt,
                               [this, &side, id = entry.id, kind, era = era_,
                                alive = std::weak_ptr(self_)](DeliveryOutcome delivery) {
                                 if (!alive.expired() && era == era_) {
                                   settle(side, id, kind, std::move(delivery));
                                 }
                               });
}

void Outbox::settle(Side& side,
                    std::uint64_t id,
                    DeliveryLine::Kind kind,
                    DeliveryOutcome delivery) {
  Lane& lane = *by_id_.at(id);
  const bool was_down = side.line.is_down();
  SideFigures& counted =
      side_counts_[std::string(deliverer_of(lane.items.front().entry)->target())];
  switch (delivery.verdict) {
    case DeliveryOutcome::Verdict::kDone:
      side.line.reached(kind);
      ++counts_.delivered;
      ++counted.delivered;
      conclude(lane, std::move(delivery), std::nullopt);
      break;
    case DeliveryOutcome::Verdict::kRefused:
      side.line.reached(kind);
      ++lane.items.front().entry.attempts;
      ++counted.refused;
      bury(lane, std::move(delivery));
      break;
    case DeliveryOutcome::Verdict::kAgain:
      side.line.over(kind);
      ++counted.failed;
      fail(lane, std::move(delivery));
      break;
    case DeliveryOutcome::Verdict::kUnreachable:
      side.line.not_reached(kind, deps_.reactor.now(), delivery.retry_after, deps_.random);
      side.last_error = delivery.error;
      ++counted.unreachable;
      fail(lane, std::move(delivery));
      break;
  }
  if (was_down && !side.line.is_down()) {
    bring_forward(side);
  }
  // Not within the call of a deliverer that answers at once.
  pump_later(side);
}

void Outbox::pump_later(Side& side) {
  deps_.reactor.post([this, &side, era = era_, alive = std::weak_ptr(self_)] {
    if (!alive.expired() && era == era_) {
      pump(side);
    }
  });
}

void Outbox::fail(Lane& lane, DeliveryOutcome delivery) {
  OutboxEntry& entry = lane.items.front().entry;
  ++entry.attempts;
  ++counts_.failed_attempts;
  const std::optional<Duration> wait = wait_before_next(entry, deps_.clock.now(), deps_.random);
  if (!wait) {
    bury(lane, std::move(delivery));
    return;
  }
  const Duration asked = std::min(delivery.retry_after.value_or(Duration(0)), kLongestRetryAfter);
  conclude(lane, std::move(delivery), std::max(*wait, asked));
}

void Outbox::bury(Lane& lane, DeliveryOutcome delivery) {
  OutboxEntry& entry = lane.items.front().entry;
  entry.state = OutboxEntry::State::kDead;
  entry.last_error = delivery.error.substr(0, kMaxError);
  ++counts_.given_up;
  ++side_counts_[std::string(deliverer_of(entry)->target())].given_up;
  deliverer_of(entry)->give_up(entry, [this, id = entry.id, error = delivery.error, era = era_,
                                       alive = std::weak_ptr(self_)](DeliveryOutcome last) {
    if (alive.expired() || era != era_) {
      return;
    }
    last.error = error;
    conclude(*by_id_.at(id), std::move(last), std::nullopt);
  });
}

void Outbox::conclude(Lane& lane, DeliveryOutcome delivery, std::optional<Duration> again) {
  OutboxEntry& entry = lane.items.front().entry;
  const std::uint64_t id = entry.id;
  const bool is_done = !again && entry.state == OutboxEntry::State::kPending;
  Change change = std::move(delivery.change);
  if (is_done) {
    change.outbox_done.push_back(id);
  } else {
    entry.last_error = delivery.error.substr(0, kMaxError);
    entry.next_attempt = deps_.clock.now() + in_milliseconds(again.value_or(Duration(0)));
    change.outbox.push_back(entry);
  }
  // A failure drops memory, and this with it: the store tells at its next opening what counts.
  commit(std::move(change), std::move(delivery.follow_ups),
         [this, id, again, afterwards = std::move(delivery.afterwards),
          era = era_](const Status& outcome) {
           if (outcome.has_error() || era != era_) {
             return;
           }
           const OutboxEntry& settled = by_id_.at(id)->items.front().entry;
           if (settled.state == OutboxEntry::State::kDead) {
             note_dead(settled);
           }
           finish(id, again);
           if (afterwards) {
             afterwards();
           }
         });
}

void Outbox::finish(std::uint64_t id, std::optional<Duration> again) {
  Lane& lane = *by_id_.at(id);
  Side& side = *lane.side;
  if (!again) {
    remove(id);
  } else {
    lane.is_busy = false;
    Item& item = lane.items.front();
    item.attempt = Attempt::kRepeated;
    item.due = deps_.reactor.now() + *again;
    put_in_line(lane);
    const OutboxEntry entry = item.entry;
    deliverer_of(entry)->put_off(entry);
  }
  arm_timer();
  pump(side);
}

void Outbox::remove(std::uint64_t id) {
  Lane& lane = *by_id_.at(id);
  take_out_of_line(lane);
  const auto at = std::find_if(lane.items.begin(), lane.items.end(),
                               [id](const Item& item) { return item.entry.id == id; });
  lane.is_busy = lane.is_busy && at != lane.items.begin();
  const auto [begin, end] = by_key_.equal_range(effect_key(at->entry));
  by_key_.erase(std::find_if(begin, end, [id](const auto& key) { return key.second == id; }));
  lane.items.erase(at);
  by_id_.erase(id);
  if (lane.items.empty()) {
    lanes_.erase(std::string(lane.key));
    return;
  }
  put_in_line(lane);
}

/// The other side is back: whatever waits for it because of its absence need not wait longer. The
/// line lets them through a few at a time.
void Outbox::bring_forward(Side& side) {
  const MonoTime now = deps_.reactor.now();
  for (auto& [name, lane] : lanes_) {
    const bool waits = lane.side == &side && !lane.is_busy && !lane.items.empty() &&
                       lane.items.front().entry.attempts > 0 && lane.items.front().due > now;
    if (waits) {
      take_out_of_line(lane);
      lane.items.front().due = now;
      put_in_line(lane);
    }
  }
  arm_timer();
}

std::vector<OutboxEntry> Outbox::number(std::vector<NewEffect> effects) {
  std::vector<OutboxEntry> entries;
  const WallTime now = deps_.clock.now();
  for (NewEffect& effect : effects) {
    const bool waits = by_key_.count(effect.idempotency_key) > 0 ||
                       !deciding_.insert(effect.idempotency_key).second;
    if (waits) {
      continue;  // a store may refuse a second one
    }
    OutboxEntry entry;
    entry.id = ++last_id_;
    entry.session = std::move(effect.session);
    entry.kind = std::move(effect.kind);
    entry.idempotency_key = std::move(effect.idempotency_key);
    if (dead_keys_.count(entry.idempotency_key) > 0) {
      // An earlier effect of that key was given up and is still listed.
      entry.idempotency_key += number_mark(entry.id);
    }
    entry.payload = std::move(effect.payload);
    entry.created_at = now;
    entry.next_attempt = now;
    entries.push_back(std::move(entry));
  }
  return entries;
}

void Outbox::commit(Change change,
                    std::vector<NewEffect> effects,
                    std::function<void(Status)> done) {
  const std::vector<OutboxEntry> entries = number(std::move(effects));
  change.outbox.insert(change.outbox.end(), entries.begin(), entries.end());
  deps_.book.commit(std::move(change), [this, entries, era = era_, done = std::move(done),
                                        alive = std::weak_ptr(self_)](const Status& outcome) {
    if (alive.expired()) {
      return;
    }
    if (era == era_) {
      for (const OutboxEntry& entry : entries) {
        deciding_.erase(effect_key(entry));
      }
    }
    if (outcome.has_value() && era == era_) {
      for (const OutboxEntry& entry : entries) {
        put(entry, Attempt::kFirst, Duration(0));
      }
      for (const auto& [name, side] : sides_) {
        pump(*side);
      }
    }
    done(outcome);
  });
}

bool Outbox::waits_for(std::string_view prefix) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [prefix](const auto& named) {
    const std::deque<Item>& items = named.second.items;
    return std::any_of(items.begin(), items.end(),
                       [prefix](const Item& item) { return item.entry.kind.starts_with(prefix); });
  });
}

const OutboxEntry* Outbox::find_pending(std::string_view idempotency_key) const {
  const auto found = by_key_.find(std::string(idempotency_key));
  if (found == by_key_.end()) {
    return nullptr;
  }
  for (const Item& item : by_id_.at(found->second)->items) {
    if (item.entry.id == found->second) {
      return &item.entry;
    }
  }
  return nullptr;
}

}  // namespace voicectl::runtime
