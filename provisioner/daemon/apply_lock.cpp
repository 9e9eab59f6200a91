// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/apply_lock.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {

ApplyLock::ApplyLock(Deps deps, const std::optional<std::string>& note) : deps_(std::move(deps)) {
  const Result<Json> recorded = parse_json(note.value_or("{}"));
  if (recorded.has_error() || !recorded->is_object()) {
    return;
  }
  last_token_ = FencingToken{static_cast<std::uint64_t>(integer_or(*recorded, "token", 0))};
  // What ran under it has ended with the daemon that ran it; this one brings it to its end.
  const auto applying = recorded->find("applying");
  const bool was_applying =
      applying != recorded->end() && applying->is_boolean() && applying->get<bool>();
  if (const std::string holder = string_or(*recorded, "holder", "");
      !holder.empty() && !was_applying) {
    const std::chrono::milliseconds since(integer_or(*recorded, "since_ms", 0));
    const std::chrono::seconds life(integer_or(*recorded, "life_s", kLockLife.count()));
    held_ = HeldLock{last_token_,
                     {holder, string_or(*recorded, "purpose", ""), life},
                     WallTime{since},
                     deps_.wall.now(),
                     deps_.wall.now() + life};
    expect_renewal(life);
  }
}

Error ApplyLock::occupied(std::string_view doing) const {
  if (held_) {
    return {ErrorCode::kConflict,
            fmt::format("cannot {} now: {} holds the lock since {} for '{}'; wait with "
                        "--lock-timeout, or see 'voicectl lock show'",
                        doing, held_->wish.holder, format_wall_time(held_->since),
                        held_->wish.purpose)};
  }
  return {ErrorCode::kConflict,
          fmt::format("cannot {} now: the daemon is carrying something out; try again when it has "
                      "finished, or wait with --lock-timeout",
                      doing)};
}

Error ApplyLock::lost(FencingToken token) const {
  const bool is_last = token == last_token_ && !why_lost_.empty();
  return {ErrorCode::kFenced,
          fmt::format("cannot go on: the lock is not held any more{}; run it again",
                      is_last ? ", " + why_lost_ : "")};
}

ApplyLock::WaiterId ApplyLock::take(LockWish wish, Duration patience, Completion<HeldLock> done) {
  const WaiterId id{next_waiter_++};
  wish.life = std::clamp(wish.life, kShortestLockLife, kLongestLockLife);
  waiting_.push_back({id, std::move(wish), std::move(done)});
  grant_next();
  const bool is_waiting = std::any_of(waiting_.begin(), waiting_.end(),
                                      [id](const Waiter& waiter) { return waiter.id == id; });
  if (is_waiting) {
    deps_.reactor.call_after(patience, [this, id] { give_up(id); });
  }
  return id;
}

void ApplyLock::give_up(WaiterId waiter) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [waiter](const Waiter& other) { return other.id == waiter; });
  if (found != waiting_.end()) {
    const Completion<HeldLock> done = std::move(found->done);
    waiting_.erase(found);
    done(occupied("take the lock"));
  }
}

void ApplyLock::stop_waiting(WaiterId waiter) {
  waiting_.remove_if([waiter](const Waiter& other) { return other.id == waiter; });
}

void ApplyLock::grant_next() {
  if (held_ || waiting_.empty()) {
    return;
  }
  if (deps_.is_busy()) {
    if (!std::exchange(is_waiting_for_idle_, true)) {
      deps_.when_idle([this] {
        is_waiting_for_idle_ = false;
        grant_next();
      });
    }
    return;
  }
  Waiter next = std::move(waiting_.front());
  waiting_.pop_front();
  hold(next.wish);
  record([this, token = held_->token, done = std::move(next.done)](const Status& recorded) {
    if (recorded.has_error()) {
      if (holds(token)) {
        free();
      }
      done(recorded.error());
    } else if (!holds(token)) {
      done(lost(token));
    } else {
      done(*held_);
    }
  });
}

void ApplyLock::hold(const LockWish& wish) {
  last_token_ = FencingToken{last_token_.value + 1};
  why_lost_.clear();
  const WallTime now = deps_.wall.now();
  held_ = HeldLock{last_token_, wish, now, now, now + wish.life};
  expect_renewal(wish.life);
}

void ApplyLock::expect_renewal(Duration within) {
  deadline_ = deps_.reactor.now() + within;
  deps_.reactor.call_at(deadline_, [this, token = held_->token] {
    if (!holds(token) || held_->is_applying || deps_.reactor.now() < deadline_) {
      return;
    }
    why_lost_ =
        fmt::format("because nothing was heard of its holder for {} s", held_->wish.life.count());
    deps_.events.add("lock.expired", "lock", dump_json({{"holder", held_->wish.holder}}));
    free();
  });
}

Result<HeldLock> ApplyLock::renew(FencingToken token) {
  if (!holds(token)) {
    return lost(token);
  }
  held_->renewed_at = deps_.wall.now();
  held_->expires_at = held_->renewed_at + held_->wish.life;
  expect_renewal(held_->wish.life);
  return *held_;
}

Status ApplyLock::release(FencingToken token) {
  if (!holds(token)) {
    return lost(token);
  }
  if (held_->is_applying) {
    return Error(ErrorCode::kConflict,
                 "cannot give the lock back: an apply runs under it, and ends with it");
  }
  free();
  return ok_status();
}

void ApplyLock::free() {
  held_.reset();
  record([this](const Status& recorded) {
    if (recorded.has_error()) {
      // It ends by itself: a daemon that reads it again waits for its life only.
      deps_.log.error("lock.not_recorded", {{"error", recorded.error()}});
    }
  });
  grant_next();
}

Result<HeldLock> ApplyLock::steal(const std::string& holder, const std::string& by) {
  if (!held_) {
    return Error(ErrorCode::kNotFound, "cannot steal the lock: nobody holds it");
  }
  if (held_->wish.holder != holder) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot steal the lock from '{}': '{}' holds it now", holder,
                             held_->wish.holder));
  }
  HeldLock stolen = *held_;
  why_lost_ = fmt::format("because {} has stolen it", by);
  deps_.events.add("lock.stolen", "lock",
                   dump_json({{"holder", holder}, {"purpose", stolen.wish.purpose}, {"by", by}}));
  if (stolen.is_applying) {
    deps_.cut_short(Error(ErrorCode::kFenced, "cannot go on: the lock was stolen by " + by));
  }
  free();
  return stolen;
}

Result<FencingToken> ApplyLock::begin_run(std::optional<FencingToken> token, const LockWish& wish) {
  if (token && !holds(*token)) {
    return lost(*token);
  }
  if (token && held_->is_applying) {
    // Two under one token could not be told apart: the end of either would free the lock of both.
    return Error(ErrorCode::kConflict,
                 "cannot do this now: something else is carried out under the same lock; wait "
                 "until it has ended");
  }
  if (!token && held_) {
    return occupied("do this");
  }
  if (!token) {
    hold(wish);
  }
  held_->is_applying = true;
  // Behind its back: what is not recorded makes the next daemon keep it for one life at most.
  record([](const Status&) {});
  return held_->token;
}

void ApplyLock::end_run(FencingToken token) {
  if (holds(token)) {
    free();
  }
}

void ApplyLock::abandon_run(FencingToken token, std::optional<FencingToken> given) {
  if (!holds(token)) {
    return;
  }
  held_->is_applying = false;
  if (!given) {
    free();
    return;
  }
  expect_renewal(held_->wish.life);
  record([](const Status&) {});
}

void ApplyLock::record(Completion<void> done) {
  Json note = {{"token", last_token_.value}};
  if (held_) {
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(held_->since.time_since_epoch());
    note["holder"] = held_->wish.holder;
    note["purpose"] = held_->wish.purpose;
    note["since_ms"] = since.count();
    note["life_s"] = held_->wish.life.count();
    note["applying"] = held_->is_applying;
  }
  deps_.registry.run<void>(
      [text = dump_json(note)](Registry& registry) {
        return registry.put_note(ApplyLock::kNote, text);
      },
      std::move(done));
}

}  // namespace voicectl
