// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/random.h"

namespace voicectl::runtime {

/// Bounds on what one other side gets from one tenant.
struct LinePolicy {
  /// Most deliveries under way at once.
  std::uint32_t in_flight = 8;
  /// Of these, how many only first attempts may use, so that a backlog does not hold up a caller.
  std::uint32_t for_first_attempts = 2;
  /// Shortest and longest pause after the other side could not be reached.
  Duration first_pause = std::chrono::seconds(1);
  Duration longest_pause = std::chrono::seconds(60);
};

/// Decides who may go to one other side next, and when nobody may. Pure but for its state.
///
/// After a failure to reach it, one delivery alone finds out whether it is back; then the number at
/// once doubles with each success. First attempts go before repeated ones, and each kind leaves
/// room for the other.
class DeliveryLine {
 public:
  /// By due time, then by entry.
  using Place = std::pair<MonoTime, std::uint64_t>;
  enum class Kind { kFirstAttempt, kBacklog };
  struct Turn {
    Place place;
    Kind kind = Kind::kFirstAttempt;
  };

  explicit DeliveryLine(LinePolicy policy) : policy_(policy), limit_(policy.in_flight) {}

  void join(Kind kind, Place place);
  void leave(Place place);

  /// Takes the one who may go now; nullopt if nobody may.
  std::optional<Turn> take_next(MonoTime now);
  /// Takes anyone who waits while nobody may go; nullopt if nobody waits or the line is not paused.
  std::optional<Place> take_paused(MonoTime now);

  /// One that was taken by `take_next` is over.
  void reached(Kind kind);
  void not_reached(Kind kind, MonoTime now, std::optional<Duration> retry_after, Random& random);
  /// Neither: it failed, but the other side is there.
  void over(Kind kind);
  /// The other side asks for quiet without having failed.
  void rest(MonoTime now, Duration length);
  /// Lets one go at once to see.
  void end_pause() { paused_until_ = MonoTime{}; }

  bool is_paused(MonoTime now) const { return now < paused_until_; }
  MonoTime paused_until() const { return paused_until_; }
  /// Whether the last attempt to reach it failed.
  bool is_down() const { return failures_ > 0; }
  std::uint32_t in_flight() const { return first_in_flight_ + backlog_in_flight_; }

 private:
  bool backlog_may_go() const;

  LinePolicy policy_;
  std::set<Place> first_attempts_;
  std::set<Place> backlog_;
  std::uint32_t limit_;
  std::uint32_t first_in_flight_ = 0;
  std::uint32_t backlog_in_flight_ = 0;
  int failures_ = 0;
  MonoTime paused_until_{};
};

}  // namespace voicectl::runtime
