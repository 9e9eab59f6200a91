// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox/outbox.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/check.h"
#include "runtime/outbox/retry_schedule.h"

namespace voicectl::runtime {
namespace {

std::string number_mark(std::uint64_t id) {
  return "#" + std::to_string(id);
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

DeliveryLine::Kind Outbox::kind_of(const OutboxEntry& entry) {
  return entry.attempts == 0 ? DeliveryLine::Kind::kFirstAttempt : DeliveryLine::Kind::kBacklog;
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
  const auto entries = std::make_shared<std::vector<OutboxEntry>>(number(std::move(effects)));
  change.outbox.insert(change.outbox.end(), entries->begin(), entries->end());
  deps_.book.commit(std::move(change), [this, entries, era = era_, done = std::move(done),
                                        alive = std::weak_ptr(self_)](const Status& outcome) {
    if (alive.expired()) {
      return;
    }
    if (era == era_) {
      for (const OutboxEntry& entry : *entries) {
        deciding_.erase(effect_key(entry));
      }
    }
    if (outcome.has_value() && era == era_) {
      for (OutboxEntry& entry : *entries) {
        put(std::move(entry), Attempt::kFirst, Duration(0));
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
