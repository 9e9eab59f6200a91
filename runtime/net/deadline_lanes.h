// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/os/reactor.h"

namespace voicectl {

/// Why a connection is watched. Each lane has one length.
enum class Lane {
  kRequest,  ///< a request has begun to arrive
  kIdle,     ///< nothing arrives, or the peer does not read
  kPing,     ///< a quiet WebSocket
  kClose,    ///< our close frame waits for the peer's
  kLinger,   ///< everything is written, the peer has not hung up
};
inline constexpr std::size_t kLanes = static_cast<std::size_t>(Lane::kLinger) + 1;

/// Something that waits in at most one lane. Leaves it when it dies.
class DeadlineEntry : public boost::intrusive::list_base_hook<
                          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  DeadlineEntry() = default;
  DeadlineEntry(const DeadlineEntry&) = delete;
  DeadlineEntry& operator=(const DeadlineEntry&) = delete;

  /// The lane's length has passed since the last `arm`. The entry has left its lane.
  virtual void on_deadline(Lane lane) = 0;

 protected:
  ~DeadlineEntry() = default;

 private:
  friend class DeadlineLanes;
  MonoTime deadline_;
  /// While it waits: in which one.
  Lane lane_ = Lane::kRequest;
};

/// Deadlines of many connections for the price of one timer.
///
/// All waits in a lane are equally long, so a lane is ordered by itself: arming is a move to its
/// end, and one sweep a second looks only at the fronts. A deadline is met up to a quarter of its
/// length late, at most a second.
/// THREADS: loop thread only.
class DeadlineLanes {
 public:
  using Lengths = std::array<Duration, kLanes>;

  DeadlineLanes(Reactor& reactor, const Lengths& lengths);
  ~DeadlineLanes();
  DeadlineLanes(const DeadlineLanes&) = delete;
  DeadlineLanes& operator=(const DeadlineLanes&) = delete;

  /// (Re)starts the wait of `entry` in `lane`, leaving any other.
  void arm(DeadlineEntry& entry, Lane lane);
  /// The same for a wait that began elsewhere, but never for longer than the lane is. Cheap when
  /// entries come in the order of their deadlines.
  void arm_until(DeadlineEntry& entry, Lane lane, MonoTime deadline);
  /// Until `forget_place`, one that is armed until the same time as `entry` finds its place without
  /// looking for it, although `entry` dies: another object for the same connection.
  void keep_place_of(DeadlineEntry& entry);
  void forget_place() { DeadlineLanes::disarm(place_); }
  /// nullopt if it waits for nothing.
  static std::optional<MonoTime> deadline_of(const DeadlineEntry& entry);
  static void disarm(DeadlineEntry& entry);
  /// Lets up to `count` entries of a lane that have waited for `waited` have their deadline now,
  /// the longest waiting first.
  void expire(Lane lane, std::size_t count, Duration waited);
  /// Until `resume` no entry has its deadline. What is overdue then has it soon after.
  void pause() { is_paused_ = true; }
  void resume();
  /// Every entry, lane by lane in the order of its deadlines. REQUIRES: `visit` arms and disarms
  /// none.
  void each(const std::function<void(DeadlineEntry& entry)>& visit);

 private:
  using List = boost::intrusive::list<DeadlineEntry, boost::intrusive::constant_time_size<false>>;

  /// Stands in a lane for an entry that has left it.
  class Place final : public DeadlineEntry {
    void on_deadline(Lane) override {}
  };

  bool is_empty() const;
  void sweep();
  void schedule();

  Reactor& reactor_;
  Lengths lengths_;
  Duration tick_;
  std::array<List, kLanes> lanes_;
  Place place_;
  std::optional<TimerId> timer_;
  bool is_paused_ = false;
};

}  // namespace voicectl
