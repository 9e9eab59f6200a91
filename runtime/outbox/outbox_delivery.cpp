// SPDX-License-Identifier: Apache-2.0
// Entries of the outbox on their way: whose turn it is, and what came of it.
#include <algorithm>

#include "runtime/outbox/outbox.h"
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

}  // namespace

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
             if (deps_.on_dead) {
               deps_.on_dead(settled);
             }
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

}  // namespace voicectl::runtime
