// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/os/reactor.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/event_log.h"

namespace voicectl {

/// How long a holder that is not heard of keeps the lock. Three of its heartbeats.
inline constexpr std::chrono::seconds kLockLife{30};
inline constexpr std::chrono::seconds kShortestLockLife{1};
inline constexpr std::chrono::seconds kLongestLockLife{600};

/// Who wants the lock, and for what.
struct LockWish {
  /// Named by whoever steals it: "ann@build-3:4711".
  std::string holder;
  std::string purpose;
  std::chrono::seconds life = kLockLife;
};

struct HeldLock {
  /// Grows with each holder. What is asked for under an older one is refused.
  FencingToken token;
  LockWish wish;
  WallTime since{};
  WallTime renewed_at{};
  /// It ends then unless it is renewed, or something is carried out under it.
  WallTime expires_at{};
  bool is_applying = false;
};

/// The one lock that changes of the platform are made under. It survives the daemon, but not for
/// longer than its life; and a holder that is not heard of loses it.
///
/// Keeping the platform as it is desired needs no lock: that is the daemon's own work.
/// THREADS: loop thread only.
class ApplyLock {
 public:
  struct Deps {
    Reactor& reactor;
    RegistryQueue& registry;
    EventLog& events;
    const WallClock& wall;
    const Log& log;
    /// Whether something is being carried out.
    std::function<bool()> is_busy;
    /// Begins no further step of what is being carried out.
    std::function<void(const Error& why)> cut_short;
    /// Runs a task when nothing is being carried out any more.
    std::function<void(std::function<void()>)> when_idle;
  };
  /// `note` is what an earlier run has recorded. Who held it then has a life to be heard of again.
  ApplyLock(Deps deps, const std::optional<std::string>& note);
  static constexpr const char* kNote = "apply.lock";

  enum class WaiterId : std::uint64_t {};

  /// Takes the lock when it is free and nothing is being carried out, in order of arrival, and
  /// answers when that is durable. Gives up after `patience`.
  /// ERRORS: kConflict, naming the holder.
  WaiterId take(LockWish wish, Duration patience, Completion<HeldLock> done);
  /// Waits no more; one that has it already keeps it.
  void stop_waiting(WaiterId waiter);

  /// ERRORS of these: kFenced if `token` does not hold it (any more), saying why.
  Result<HeldLock> renew(FencingToken token);
  Status release(FencingToken token);

  /// Takes it away from `holder`. What it has begun is cut short.
  /// ERRORS: kNotFound if nobody has it; kConflict if somebody else has.
  Result<HeldLock> steal(const std::string& holder, const std::string& by);

  /// Something is carried out: under `token`, or, without one, under a lock of its own that is
  /// taken here if it is free. ERRORS: kFenced; kConflict, naming the holder, or if something is
  /// carried out under `token` already.
  Result<FencingToken> begin_run(std::optional<FencingToken> token, const LockWish& wish);
  /// It has ended, and with it the lock.
  void end_run(FencingToken token);
  /// It could not begin: a lock that was taken for it is free again.
  void abandon_run(FencingToken token, std::optional<FencingToken> given);

  const std::optional<HeldLock>& held() const { return held_; }
  /// Whether what runs under `token` may go on. ERRORS: kFenced, saying who has stolen the lock.
  Status check_run(FencingToken token) const {
    return holds(token) ? ok_status() : Status(lost(token));
  }

 private:
  struct Waiter {
    WaiterId id;
    LockWish wish;
    Completion<HeldLock> done;
  };
  Error occupied(std::string_view doing) const;
  Error lost(FencingToken token) const;
  bool holds(FencingToken token) const { return held_ && held_->token == token; }
  void hold(const LockWish& wish);
  void free();
  void grant_next();
  void give_up(WaiterId waiter);
  void expect_renewal(Duration within);
  void record(Completion<void> done);

  Deps deps_;
  std::optional<HeldLock> held_;
  FencingToken last_token_;
  MonoTime deadline_{};
  /// Why the last holder lost it; empty: it gave it back.
  std::string why_lost_;
  std::list<Waiter> waiting_;
  std::uint64_t next_waiter_ = 1;
  bool is_waiting_for_idle_ = false;
};

}  // namespace voicectl
