// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/outbox/deliverer.h"
#include "runtime/outbox/delivery_line.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// What the outbox of a tenant has done since it was opened here.
struct OutboxCounts {
  std::uint64_t delivered = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t given_up = 0;
};

/// One other side, for operators: what waits for it now, and what came of deliveries since the
/// tenant was opened here.
struct SideFigures {
  std::string side;
  std::size_t pending = 0;
  std::size_t dead = 0;
  /// How long the longest waiting entry has waited; zero if none does.
  Duration oldest{0};
  bool is_paused = false;
  std::uint64_t delivered = 0;
  /// Attempts that failed for this entry alone, and those for which the side could not be reached.
  std::uint64_t failed = 0;
  std::uint64_t unreachable = 0;
  std::uint64_t refused = 0;
  /// Entries that became dead, refused ones included.
  std::uint64_t given_up = 0;
};

/// Effects of a tenant that were given up and wait for an operator.
struct DeadEffects {
  std::uint64_t count = 0;
  /// The highest number among them, and the kind of that one; 0: there is none.
  std::uint64_t newest = 0;
  std::string kind;
  /// How many were given up since the tenant was opened here.
  std::uint64_t given_up = 0;
};

/// Delivers what was decided: effects on other systems, at least once each, with one idempotency
/// key per effect.
///
/// An effect becomes durable in the transaction that decides it, and its outcome in another one; so
/// after a crash at any moment it is there, and may be tried a second time. Effects of one session
/// on one other side go in the order of their decisions, one at a time; different sessions, and
/// different sides, go beside each other. A side that cannot be reached is asked by one delivery
/// at a time until it is back; attempts that fall due meanwhile count as failed. After the last
/// attempt an entry is dead: it stays until an operator retries or drops it, and lets those behind
/// it pass.
/// THREADS: loop thread only.
class Outbox {
 public:
  struct Deps {
    Reactor& reactor;
    const WallClock& clock;
    Random& random;
    SessionStore& store;
    SessionBook& book;
    /// Learns of every entry that is given up, once that is durable: nobody else would. May be
    /// empty.
    std::function<void(const OutboxEntry& entry)> on_dead{};
  };

  /// REQUIRES: what `deps` refers to outlives it.
  explicit Outbox(Deps deps, LinePolicy policy = {});
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Entries whose kind begins with `prefix` are `deliverer`'s; of several that fit, the first one
  /// added. REQUIRES: it outlives the outbox, and is added before the store is opened.
  void add(std::string prefix, Deliverer& deliverer);

  /// Takes what the store holds; to be called after each opening of it. Whatever was under way
  /// before does not count any more.
  void resume(const StoreContents& contents);
  /// The store is lost: nothing is delivered until `resume`.
  void stop();
  /// Begins no repeated delivery any more, so that it comes to rest: first ones may have a request
  /// that waits for them. Ends with `wake`.
  void rest() { is_resting_ = true; }
  /// Begins nothing at all, whatever `resume` brings, until `wake`.
  void hold() { is_held_ = true; }
  /// Nothing is under way.
  bool is_at_rest() const;
  void wake();

  /// SessionBook::commit of `change` together with the effects. They are delivered at once when
  /// that is durable, before `done` runs. An effect whose key waits already is not recorded again.
  void commit(Change change, std::vector<NewEffect> effects, std::function<void(Status)> done);

  /// The entry that waits with that key (`effect_key`); nullptr if there is none. Borrowed until
  /// the next turn.
  const OutboxEntry* find_pending(std::string_view idempotency_key) const;
  std::size_t pending() const { return by_id_.size(); }
  /// Whether any entry whose kind begins with `prefix` waits.
  bool waits_for(std::string_view prefix) const;
  /// Whether an entry with that key was given up and is still there.
  bool is_dead(std::string_view idempotency_key) const;
  const OutboxCounts& counts() const { return counts_; }
  /// Cheap, however many wait.
  DeadEffects dead() const;
  /// Goes on counting where another process ended.
  void count_from(const OutboxCounts& counts,
                  std::map<std::string, SideFigures, std::less<>> sides) {
    counts_ = counts;
    side_counts_ = std::move(sides);
  }
  /// What came of deliveries, by side; what waits is not counted here.
  const std::map<std::string, SideFigures, std::less<>>& side_counts() const {
    return side_counts_;
  }
  /// By side, in the order of their names. Looks at every entry that waits.
  std::vector<SideFigures> figures() const;

  /// For operators. Tries an entry now, with all its attempts before it; a dead one is pending
  /// again.
  /// ERRORS: kNotFound; kConflict while it is being delivered; as SessionBook::commit.
  void retry(std::uint64_t id, Completion<OutboxEntry> done);
  /// Every dead entry. Answers how many there were.
  void retry_dead(Completion<std::uint64_t> done);
  /// Forgets an entry without delivering it. ERRORS: as `retry`.
  void drop(std::uint64_t id, Completion<OutboxEntry> done);

 private:
  struct Item {
    OutboxEntry entry;
    Attempt attempt = Attempt::kFirst;
    MonoTime due{};
  };
  struct Side {
    explicit Side(LinePolicy policy) : line(policy) {}
    DeliveryLine line;
    std::string last_error;
    /// Runs when the pause of the line ends.
    std::optional<TimerId> timer;
  };
  /// What goes to one side in one order.
  struct Lane {
    std::string key;
    Side* side = nullptr;
    std::deque<Item> items;
    /// Its first item is under way, or its outcome is being made durable.
    bool is_busy = false;
  };

  struct DeadEntry {
    std::string key;
    std::string side;
    std::string kind;
  };

  static DeliveryLine::Kind kind_of(const OutboxEntry& entry);
  Deliverer* deliverer_of(const OutboxEntry& entry) const;
  /// Reads which entries are dead, a page at a time.
  void find_dead(std::uint64_t after);
  void note_dead(const OutboxEntry& entry);
  void forget_dead(std::uint64_t id);
  Side& side_of(const Deliverer& deliverer);
  static std::string lane_key(const OutboxEntry& entry, const Deliverer& deliverer);
  void put(OutboxEntry entry, Attempt attempt, Duration wait);
  void put_in_line(Lane& lane);
  void take_out_of_line(Lane& lane);
  void arm_timer();
  void pump_all();
  void pump(Side& side);
  void pump_later(Side& side);
  void start(Side& side, Lane& lane, DeliveryLine::Kind kind);
  void settle(Side& side, std::uint64_t id, DeliveryLine::Kind kind, DeliveryOutcome delivery);
  void fail(Lane& lane, DeliveryOutcome delivery);
  void bury(Lane& lane, DeliveryOutcome delivery);
  void conclude(Lane& lane, DeliveryOutcome delivery, std::optional<Duration> again);
  void finish(std::uint64_t id, std::optional<Duration> again);
  void bring_forward(Side& side);
  void remove(std::uint64_t id);
  std::vector<OutboxEntry> number(std::vector<NewEffect> effects);
  void revive(OutboxEntry entry, Completion<OutboxEntry> done);
  void revive_page(std::uint64_t after, std::uint64_t so_far, Completion<std::uint64_t> done);

  Deps deps_;
  LinePolicy policy_;
  std::vector<std::pair<std::string, Deliverer*>> deliverers_;
  std::map<std::string, std::unique_ptr<Side>, std::less<>> sides_;
  std::map<std::string, Lane> lanes_;
  /// Every entry that waits, and the lane that it waits in.
  std::unordered_map<std::uint64_t, Lane*> by_id_;
  /// By the key that its effect was given; see `number`. Two may have one key when a dead one was
  /// revived.
  std::unordered_multimap<std::string, std::uint64_t> by_key_;
  /// Keys of effects that are being made durable.
  std::unordered_set<std::string> deciding_;
  /// Lanes whose first item is not due yet.
  std::set<std::pair<MonoTime, std::uint64_t>> later_;
  std::optional<TimerId> timer_;
  std::uint64_t last_id_ = 0;
  /// Grows with every resume and stop: what began before is old news.
  std::uint64_t era_ = 0;
  OutboxCounts counts_;
  bool is_resting_ = false;
  bool is_held_ = false;
  /// Since the tenant was opened here, by side; what waits is not counted here.
  std::map<std::string, SideFigures, std::less<>> side_counts_;
  std::map<std::uint64_t, DeadEntry> dead_;
  /// Keys of dead entries, which may come again: a client's request number does.
  std::set<std::string, std::less<>> dead_keys_;
  std::shared_ptr<Outbox*> self_;
};

/// The key that the effect was given: an entry's own, without the number that it got behind it if a
/// dead entry had the key already.
std::string effect_key(const OutboxEntry& entry);

}  // namespace voicectl::runtime
