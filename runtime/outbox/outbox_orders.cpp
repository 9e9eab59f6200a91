// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "runtime/outbox/outbox.h"

/// What operators order the outbox to do.
namespace voicectl::runtime {
namespace {

/// Dead entries that are revived with one look into the store.
constexpr std::uint32_t kRevivedAtOnce = 100;

Error no_entry(std::uint64_t id) {
  return {ErrorCode::kNotFound,
          fmt::format("cannot find entry {} in the outbox: it was delivered or dropped", id)};
}

Error is_under_way(std::uint64_t id) {
  return {ErrorCode::kConflict,
          fmt::format("cannot change entry {} of the outbox: it is being delivered at this moment; "
                      "try again",
                      id)};
}

}  // namespace

void Outbox::retry(std::uint64_t id, Completion<OutboxEntry> done) {
  const auto waiting = by_id_.find(id);
  if (waiting != by_id_.end() && waiting->second->is_busy &&
      waiting->second->items.front().entry.id == id) {
    done(is_under_way(id));
    return;
  }
  deps_.store.find_outbox(id, [this, id, done = std::move(done), alive = std::weak_ptr(self_)](
                                  const Result<std::optional<OutboxEntry>>& found) {
    if (alive.expired()) {
      return;
    }
    if (found.has_error()) {
      done(found.error());
    } else if (!*found) {
      done(no_entry(id));
    } else {
      revive(**found, done);
    }
  });
}

void Outbox::revive(OutboxEntry entry, Completion<OutboxEntry> done) {
  const auto waiting = by_id_.find(entry.id);
  if (waiting != by_id_.end()) {
    if (waiting->second->is_busy && waiting->second->items.front().entry.id == entry.id) {
      done(is_under_way(entry.id));
      return;
    }
    remove(entry.id);
  }
  entry.state = OutboxEntry::State::kPending;
  entry.attempts = 0;
  entry.next_attempt = deps_.clock.now();
  Change change;
  change.outbox.push_back(entry);
  deps_.book.commit(std::move(change), [this, entry, era = era_, done = std::move(done),
                                        alive = std::weak_ptr(self_)](const Status& outcome) {
    if (alive.expired()) {
      return;
    }
    if (outcome.has_error()) {
      done(outcome.error());
      return;
    }
    forget_dead(entry.id);
    if (era == era_ && by_id_.count(entry.id) == 0) {
      put(entry, Attempt::kRepeated, Duration(0));
      if (const Deliverer* const deliverer = deliverer_of(entry)) {
        side_of(*deliverer).line.end_pause();
      }
      pump_all();
    }
    done(entry);
  });
}

void Outbox::retry_dead(Completion<std::uint64_t> done) {
  revive_page(0, 0, std::move(done));
}

void Outbox::revive_page(std::uint64_t after,
                         std::uint64_t so_far,
                         Completion<std::uint64_t> done) {
  const OutboxQuery dead{OutboxEntry::State::kDead, after, kRevivedAtOnce};
  deps_.store.list_outbox(
      dead, [this, so_far, done = std::move(done),
             alive = std::weak_ptr(self_)](const Result<std::vector<OutboxEntry>>& page) {
        if (alive.expired()) {
          return;
        }
        if (page.has_error()) {
          done(page.error());
          return;
        }
        for (std::size_t i = 0; i + 1 < page->size(); ++i) {
          // One that fails breaks the store, and then the last one fails too.
          revive((*page)[i], [](const Result<OutboxEntry>&) {});
        }
        if (page->empty()) {
          done(so_far);
          return;
        }
        const std::uint64_t last = page->back().id;
        const std::uint64_t count = so_far + page->size();
        revive(page->back(), [this, last, count, done, alive](const Result<OutboxEntry>& revived) {
          if (alive.expired()) {
            return;
          }
          if (revived.has_error()) {
            done(revived.error());
            return;
          }
          revive_page(last, count, done);
        });
      });
}

void Outbox::find_dead(std::uint64_t after) {
  constexpr std::uint32_t kPage = 100;
  deps_.store.list_outbox({OutboxEntry::State::kDead, after, kPage},
                          [this, era = era_, alive = std::weak_ptr(self_)](
                              const Result<std::vector<OutboxEntry>>& page) {
                            // If it cannot be read the store is broken, and is opened again.
                            if (alive.expired() || era != era_ || page.has_error()) {
                              return;
                            }
                            for (const OutboxEntry& entry : *page) {
                              // One that was revived meanwhile waits.
                              if (by_id_.count(entry.id) == 0) {
                                note_dead(entry);
                              }
                            }
                            if (page->size() == kPage) {
                              find_dead(page->back().id);
                            }
                          });
}

void Outbox::note_dead(const OutboxEntry& entry) {
  const Deliverer* const deliverer = deliverer_of(entry);
  dead_[entry.id] = {entry.idempotency_key,
                     deliverer == nullptr ? std::string() : std::string(deliverer->target()),
                     entry.kind};
  dead_keys_.insert(entry.idempotency_key);
}

void Outbox::forget_dead(std::uint64_t id) {
  const auto found = dead_.find(id);
  if (found != dead_.end()) {
    dead_keys_.erase(found->second.key);
    dead_.erase(found);
  }
}

bool Outbox::is_dead(std::string_view idempotency_key) const {
  return dead_keys_.find(idempotency_key) != dead_keys_.end();
}

DeadEffects Outbox::dead() const {
  DeadEffects out{.count = dead_.size(), .newest = 0, .kind = "", .given_up = counts_.given_up};
  if (!dead_.empty()) {
    out.newest = dead_.rbegin()->first;
    out.kind = dead_.rbegin()->second.kind;
  }
  return out;
}

std::vector<SideFigures> Outbox::figures() const {
  std::map<std::string, SideFigures, std::less<>> sides = side_counts_;
  const MonoTime now = deps_.reactor.now();
  for (const auto& [prefix, deliverer] : deliverers_) {
    SideFigures& figures = sides[std::string(deliverer->target())];
    const auto side = sides_.find(deliverer->target());
    figures.is_paused = side != sides_.end() && side->second->line.is_paused(now);
  }
  for (const auto& [key, lane] : lanes_) {
    for (const Item& item : lane.items) {
      SideFigures& figures = sides[std::string(deliverer_of(item.entry)->target())];
      ++figures.pending;
      // A clock that was set back makes nobody wait since the future.
      figures.oldest =
          std::max<Duration>(figures.oldest, deps_.clock.now() - item.entry.created_at);
    }
  }
  for (const auto& [id, dead] : dead_) {
    ++sides[dead.side].dead;
  }
  std::vector<SideFigures> out;
  for (auto& [name, figures] : sides) {
    figures.side = name;
    out.push_back(std::move(figures));
  }
  return out;
}

void Outbox::drop(std::uint64_t id, Completion<OutboxEntry> done) {
  deps_.store.find_outbox(id, [this, id, done = std::move(done), alive = std::weak_ptr(self_)](
                                  const Result<std::optional<OutboxEntry>>& found) {
    if (alive.expired()) {
      return;
    }
    if (found.has_error() || !*found) {
      done(found.has_error() ? found.error() : no_entry(id));
      return;
    }
    const auto waiting = by_id_.find(id);
    if (waiting != by_id_.end()) {
      if (waiting->second->is_busy && waiting->second->items.front().entry.id == id) {
        done(is_under_way(id));
        return;
      }
      remove(id);
    }
    Change change;
    change.outbox_done.push_back(id);
    deps_.book.commit(std::move(change),
                      [this, entry = **found, era = era_, done, alive](const Status& outcome) {
                        if (alive.expired()) {
                          return;
                        }
                        if (outcome.has_error()) {
                          done(outcome.error());
                          return;
                        }
                        forget_dead(entry.id);
                        if (era == era_) {
                          pump_all();
                        }
                        done(entry);
                      });
  });
}

}  // namespace voicectl::runtime
