// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/handoff_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/record_codec.h"

namespace voicectl::handoff {
namespace {

/// A batch that is not larger than this fits one message of the channel, sockets included.
constexpr std::size_t kBatchBytes = std::size_t{96} * 1024;

}  // namespace

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
      done_(std::move(done)) {}

HandoffSource::~HandoffSource() {
  clear_timers();
}

void HandoffSource::start() {
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
    case PeerMessage::kOpened:
      return (void)go(SourceEvent::kOpened);
    case PeerMessage::kTaken:
      return (void)go(SourceEvent::kTaken);
    case PeerMessage::kWithdrawn:
      return (void)go(SourceEvent::kWithdrawn);
    case PeerMessage::kRefused: {
      const Result<Refusal> refusal = decode_record<Refusal>(body, "a refusal");
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
    act();
  }
  return true;
}

void HandoffSource::act() {
  clear_timers();
  switch (state_) {
    case SourceState::kOffering:
    case SourceState::kReverting:
      return;
    case SourceState::kQuiescing:
      return quiesce();
    case SourceState::kReleasing:
      return release();
    case SourceState::kOpening:
      if (const Status sent = peer_.send(PeerMessage::kState, carried_); sent.has_error()) {
        return fail(SourceEvent::kPeerLost, sent.error());
      }
      return set_deadline(times_.open, "to open the store");
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

void HandoffSource::quiesce() {
  reach_ = Reach::kQuiesced;
  quiesced_at_ = reactor_.now();
  host_.quiesce();
  set_deadline(order_.patience, "for requests to be answered");
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

void HandoffSource::freeze() {
  reach_ = Reach::kFrozen;
  frozen_at_ = reactor_.now();
  connections_ = host_.detach();
  report_.connections = connections_.size();
  report_.websockets = static_cast<std::uint64_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [](const DetachedConnection& one) { return one.state.is_websocket; }));
  set_deadline(times_.freeze, "to take the connections");
  if (const Status sent = send_connections(); sent.has_error()) {
    fail(SourceEvent::kPeerLost, sent.error());
  }
}

Status HandoffSource::send_connections() {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  while (at < connections_.size()) {
    std::string bodies;
    RecordWriter writer(bodies);
    std::vector<int> sockets;
    while (at < connections_.size() && sockets.size() < kMaxChannelDescriptors &&
           bodies.size() < kBatchBytes) {
      writer.put(connections_[at].state);
      sockets.push_back(connections_[at].socket.get());
      ++at;
    }
    // A Batch is the number of its connections, and they.
    std::string batch;
    RecordWriter(batch).put(static_cast<std::uint32_t>(sockets.size()));
    batch += bodies;
    sum = checksum_of(batch, sum);
    VC_TRY(peer_.send(PeerMessage::kBatch, batch, sockets));
  }
  return peer_.send(PeerMessage::kEnd, encode_record(End{connections_.size(), sum}));
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
  switch (reach_) {
    case Reach::kNothing:
      report_.token = host_.token();
      return finish();
    case Reach::kQuiesced:
      report_.token = host_.token();
      host_.unquiesce();
      return finish();
    case Reach::kReleased:
    case Reach::kFrozen:
      return serve_again();
  }
}

void HandoffSource::serve_again() {
  report_.token = order_.back;
  host_.take_back(order_.back, std::exchange(connections_, {}),
                  [this, alive = std::weak_ptr(alive_)](const Status&) {
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
  // Only our numbers of the sockets: the other process reads and writes them by now.
  connections_.clear();
  finish();
}

void HandoffSource::finish() {
  clear_timers();
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
  for (std::optional<TimerId>* timer : {&deadline_, &check_}) {
    if (*timer) {
      reactor_.cancel(**timer);
      timer->reset();
    }
  }
}

}  // namespace voicectl::handoff
