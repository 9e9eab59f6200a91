// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/handoff_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/record_codec.h"

namespace voicectl::handoff {
HandoffSource::HandoffSource(Reactor& reactor,
                             runtime::TenantHost& host,
                             std::unique_ptr<FdChannel> channel,
                             HandOverOrder order,
                             HandoffTimes times,
                             Done done)
    : reactor_(reactor),
      host_(host),
      peer_(std::move(channel)),
      order_(std::move(order)),
      times_(times),
      done_(std::move(done)),
      copier_(host, peer_) {}

HandoffSource::~HandoffSource() {
  clear_timers();
}

void HandoffSource::start() {
  started_at_ = reactor_.now();
  peer_.start({[this](PeerMessage type, const std::string& body, const std::vector<UniqueFd>&) {
                 take(type, body);
               },
               [this] {
                 fail(SourceEvent::kPeerLost,
                      Error(ErrorCode::kUnavailable,
                            "cannot hand the tenant over: the other instance is gone"));
               }});
  set_deadline(times_.offer, "to answer the offer");
  const Offer offer{kPeerVersion,        peer_layout(),
                    order_.tenant.str(), order_.generation.value,
                    order_.token.value,  host_.load().connections};
  const Generation own = host_.config().generation;
  if (own != order_.generation) {
    fail(
        SourceEvent::kCancelled,
        Error(kOtherGeneration,
              fmt::format("cannot hand the tenant over: its configuration is of generation {} here "
                          "and was to be {}",
                          own.value, order_.generation.value)));
  } else if (const Status sent = peer_.send(PeerMessage::kOffer, encode_record(offer));
             sent.has_error()) {
    fail(SourceEvent::kPeerLost, sent.error());
  }
}

void HandoffSource::cancel(const Error& why) {
  fail(SourceEvent::kCancelled, why);
}

void HandoffSource::take(PeerMessage type, const std::string& body) {
  switch (type) {
    case PeerMessage::kAccepted:
      return (void)go(SourceEvent::kAccepted);
    case PeerMessage::kCopied:
      return take_copied();
    case PeerMessage::kOpened:
      return (void)go(SourceEvent::kOpened);
    case PeerMessage::kTaken:
      return (void)go(SourceEvent::kTaken);
    case PeerMessage::kWithdrawn:
      return (void)go(SourceEvent::kWithdrawn);
    case PeerMessage::kRefused: {
      const Result<Refusal> refusal = decode_record<Refusal>(body, "a refusal");
      report_.refused = refusal.has_value() ? refusal->connections : 0;
      const Error why = refusal.has_error() ? refusal.error()
                                            : Error(error_code_named(refusal->code), refusal->text);
      return fail(SourceEvent::kRefused, why);
    }
    case PeerMessage::kOffer:
    case PeerMessage::kState:
    case PeerMessage::kBatch:
    case PeerMessage::kEnd:
    case PeerMessage::kWithdraw:
      return fail(SourceEvent::kRefused,
                  Error(ErrorCode::kCorrupt,
                        "cannot hand the tenant over: the other instance says what only we say"));
  }
}

void HandoffSource::fail(SourceEvent event, Error why) {
  if (is_over(state_)) {
    return;
  }
  // The first reason is the one to tell.
  if (why_.message().empty()) {
    why_ = std::move(why);
  }
  (void)go(event);
}

bool HandoffSource::go(SourceEvent event) {
  const Result<SourceState> next = step(state_, event);
  if (next.has_error()) {
    // The other one makes no sense: give it up the way that this state has for that.
    if (!is_over(state_) && state_ != SourceState::kWithdrawing) {
      why_ = next.error();
      (void)go(state_ == SourceState::kFrozen ? SourceEvent::kOverdue : SourceEvent::kCancelled);
    }
    return false;
  }
  if (*next != state_) {
    state_ = *next;
    // Before it is acted on, which may lead on; and not where it would lengthen the pause.
    if (!is_over(state_) && state_ != SourceState::kFrozen) {
      tell_progress();
    }
    act();
  }
  return true;
}

void HandoffSource::tell_progress() {
  if (!on_progress_ || !order_.progress_every) {
    return;
  }
  told_at_ = reactor_.now();
  on_progress_(HandOverProgress{std::string(name_of(state_)), host_.load().connections,
                                copier_.tally().connections()});
}

void HandoffSource::act() {
  clear_timers();
  switch (state_) {
    case SourceState::kOffering:
    case SourceState::kReverting:
      return;
    case SourceState::kCopying:
      return copy();
    case SourceState::kQuiescing:
      return quiesce();
    case SourceState::kReleasing:
      return release();
    case SourceState::kOpening:
      return open();
    case SourceState::kCatchingUp:
      return catch_up();
    case SourceState::kFrozen:
      return freeze();
    case SourceState::kWithdrawing:
      return withdraw();
    case SourceState::kGone:
      return leave();
    case SourceState::kKept:
      return keep();
  }
}

void HandoffSource::copy() {
  host_.begin_copy();
  set_deadline(times_.batch, "to take a batch of connections");
  lose_patience_after(times_.copy);
  if (const Status sent = copier_.copy_more(); sent.has_error()) {
    return fail(SourceEvent::kPeerLost, sent.error());
  }
  end_copying();
}

void HandoffSource::copy_more() {
  // Where little is waited for, the last of it is not sent: something would always be under way.
  const bool is_waiting = state_ == SourceState::kCopying || state_ == SourceState::kCatchingUp;
  if (is_over(state_) || (is_waiting && has_copied_enough())) {
    return;
  }
  if (const Status sent = copier_.copy_more(); sent.has_error()) {
    fail(SourceEvent::kPeerLost, sent.error());
  }
}

/// Little is left, or that is not waited for any longer.
bool HandoffSource::has_copied_enough() const {
  return is_impatient_ || copier_.is_little_left() ||
         (state_ == SourceState::kCopying && copier_.is_no_use());
}

void HandoffSource::end_copying() {
  if (!copier_.is_idle() || !has_copied_enough()) {
    return;
  }
  if (state_ == SourceState::kCopying) {
    (void)go(SourceEvent::kEnough);
  } else if (state_ == SourceState::kCatchingUp) {
    (void)go(SourceEvent::kCaughtUp);
  }
}

void HandoffSource::lose_patience_after(Duration length) {
  is_impatient_ = false;
  patience_ = reactor_.call_after(length, [this] {
    patience_.reset();
    is_impatient_ = true;
    end_copying();
  });
}

void HandoffSource::take_copied() {
  if (is_over(state_) || state_ == SourceState::kFrozen || state_ == SourceState::kWithdrawing) {
    return;  // of a batch that nobody waits for
  }
  if (const Status taken = copier_.take_copied(); taken.has_error()) {
    return fail(SourceEvent::kRefused, taken.error());
  }
  if (state_ == SourceState::kCopying || state_ == SourceState::kCatchingUp) {
    set_deadline(times_.batch, "to take a batch of connections");
    if (order_.progress_every && reactor_.now() - told_at_ >= *order_.progress_every) {
      tell_progress();
    }
  }
  copy_more();
  end_copying();
}

/// Connections are served until they freeze, so they go on changing.
void HandoffSource::copy_again() {
  if (is_over(state_)) {
    return;
  }
  copying_ = reactor_.call_after(times_.copy_again, [this] {
    copying_.reset();
    copy_more();
    copy_again();
  });
}

void HandoffSource::quiesce() {
  reach_ = Reach::kQuiesced;
  quiesced_at_ = reactor_.now();
  host_.quiesce();
  set_deadline(order_.patience, "for requests to be answered");
  copy_again();
  look_for_quiet();
}

void HandoffSource::look_for_quiet() {
  if (host_.is_quiet()) {
    (void)go(SourceEvent::kQuiet);
    return;
  }
  check_ = reactor_.call_after(times_.quiet_check, [this] {
    check_.reset();
    look_for_quiet();
  });
}

void HandoffSource::release() {
  reach_ = Reach::kReleased;
  set_deadline(times_.release, "for the store to be written");
  copy_again();
  host_.release(order_.token,
                [this, alive = std::weak_ptr(alive_)](const Result<runtime::TenantCarry>& carried) {
                  if (alive.expired()) {
                    return;
                  }
                  if (carried.has_error()) {
                    return fail(SourceEvent::kReleaseFailed, carried.error());
                  }
                  carried_ = encode_record(*carried);
                  (void)go(SourceEvent::kReleased);
                });
}

void HandoffSource::open() {
  set_deadline(times_.open, "to open the store");
  if (const Status sent = peer_.send(PeerMessage::kState, carried_); sent.has_error()) {
    return fail(SourceEvent::kPeerLost, sent.error());
  }
  copy_more();
  copy_again();
}

void HandoffSource::catch_up() {
  set_deadline(times_.batch, "to take a batch of connections");
  lose_patience_after(times_.catch_up);
  copy_more();
  end_copying();
}

void HandoffSource::freeze() {
  frozen_at_ = reactor_.now();
  report_.copied = copier_.told();
  report_.dropped = host_.freeze();
  set_deadline(times_.freeze, "to take the connections");
  if (const Status sent = copier_.finish(); sent.has_error()) {
    return fail(SourceEvent::kPeerLost, sent.error());
  }
  report_.connections = copier_.tally().connections();
  report_.websockets = copier_.tally().websockets();
  report_.told_late = copier_.told() - report_.copied;
}

void HandoffSource::withdraw() {
  // If it cannot be said, the other one is gone, and we shall hear of that.
  (void)peer_.send(PeerMessage::kWithdraw, {});
  set_deadline(times_.freeze, "to say whether it has the tenant");
}

void HandoffSource::keep() {
  // Whatever it waits for will not come.
  (void)peer_.send(PeerMessage::kWithdraw, {});
  report_.why = why_;
  host_.end_copy();
  switch (reach_) {
    case Reach::kNothing:
      report_.token = host_.token();
      return finish();
    case Reach::kQuiesced:
      report_.token = host_.token();
      host_.unquiesce();
      return finish();
    case Reach::kReleased:
      return serve_again();
  }
}

void HandoffSource::serve_again() {
  report_.token = order_.back;
  host_.take_back(order_.back, [this, alive = std::weak_ptr(alive_)](const Status&) {
    // A store that does not open is told of by the tenant, and tried again.
    if (!alive.expired()) {
      finish();
    }
  });
}

void HandoffSource::leave() {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  report_.is_handed_over = true;
  report_.token = order_.token;
  report_.pause = duration_cast<microseconds>(reactor_.now() - frozen_at_);
  report_.wait = duration_cast<microseconds>(reactor_.now() - quiesced_at_);
  finish();
}

void HandoffSource::finish() {
  clear_timers();
  report_.took =
      std::chrono::duration_cast<std::chrono::microseconds>(reactor_.now() - started_at_);
  reactor_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) {
      std::exchange(done_, nullptr)(report_);
    }
  });
}

void HandoffSource::set_deadline(Duration length, std::string_view what) {
  if (deadline_) {
    reactor_.cancel(*deadline_);
  }
  deadline_ = reactor_.call_after(length, [this, length, what] {
    deadline_.reset();
    fail(SourceEvent::kOverdue,
         Error(ErrorCode::kTimeout,
               fmt::format("cannot hand the tenant over: {} took longer than {}", what,
                           format_duration(length))));
    if (state_ == SourceState::kWithdrawing && !deadline_) {
      set_deadline(times_.freeze, "to say whether it has the tenant");
    }
  });
}

void HandoffSource::clear_timers() {
  for (std::optional<TimerId>* timer : {&deadline_, &check_, &copying_, &patience_}) {
    if (*timer) {
      reactor_.cancel(**timer);
      timer->reset();
    }
  }
}

}  // namespace voicectl::handoff
