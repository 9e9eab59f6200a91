// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/handoff_target.h"

#include <fmt/core.h>

#include <utility>

#include "base/os/descriptor_room.h"
#include "base/record_codec.h"

namespace voicectl::handoff {
namespace {

/// Descriptors that the rest of the process may need meanwhile.
constexpr std::uint64_t kSpareDescriptors = 64;

Error unfit(const std::string& why) {
  return {ErrorCode::kConflict, "cannot take the tenant over: " + why};
}

}  // namespace

HandoffTarget::HandoffTarget(Reactor& reactor,
                             std::unique_ptr<runtime::TenantHost> host,
                             std::unique_ptr<FdChannel> channel,
                             HandoffTimes times,
                             Done done)
    : reactor_(reactor),
      host_(std::move(host)),
      peer_(std::move(channel)),
      times_(times),
      done_(std::move(done)) {}

HandoffTarget::~HandoffTarget() {
  if (deadline_) {
    reactor_.cancel(*deadline_);
  }
}

void HandoffTarget::start() {
  peer_.start({[this](PeerMessage type, const std::string& body, std::vector<UniqueFd> sockets) {
                 take(type, body, std::move(sockets));
               },
               [this] {
                 fail(TargetEvent::kPeerLost,
                      Error(ErrorCode::kUnavailable,
                            "cannot take the tenant over: the other instance is gone"));
               }});
  deadline_ = reactor_.call_after(times_.whole, [this] {
    deadline_.reset();
    fail(TargetEvent::kOverdue,
         Error(ErrorCode::kTimeout, "cannot take the tenant over: it did not come in time"));
  });
}

void HandoffTarget::cancel(const Error& why) {
  fail(TargetEvent::kCancelled, why);
}

void HandoffTarget::take(PeerMessage type, const std::string& body, std::vector<UniqueFd> sockets) {
  if (is_over(state_)) {
    return;
  }
  switch (type) {
    case PeerMessage::kOffer:
      return take_offer(body);
    case PeerMessage::kState:
      return take_state(body);
    case PeerMessage::kBatch:
      return take_batch(body, std::move(sockets));
    case PeerMessage::kEnd:
      return take_end(body);
    case PeerMessage::kWithdraw:
      last_word_ = PeerMessage::kWithdrawn;
      return fail(TargetEvent::kWithdraw,
                  Error(ErrorCode::kCancelled,
                        "cannot take the tenant over: it stays with the other instance"));
    case PeerMessage::kAccepted:
    case PeerMessage::kCopied:
    case PeerMessage::kRefused:
    case PeerMessage::kOpened:
    case PeerMessage::kTaken:
    case PeerMessage::kWithdrawn:
      return fail(TargetEvent::kPeerLost, unfit("the other instance says what only we say"));
  }
}

void HandoffTarget::fail(TargetEvent event, Error why) {
  if (is_over(state_)) {
    return;
  }
  why_ = std::move(why);
  (void)go(event);
}

bool HandoffTarget::go(TargetEvent event) {
  const Result<TargetState> next = step(state_, event);
  if (next.has_error() && !is_over(state_)) {
    why_ = next.error();
    state_ = TargetState::kDropped;
    drop();
    return false;
  }
  if (next.has_error() || *next == state_) {
    return next.has_value();
  }
  state_ = *next;
  if (state_ == TargetState::kDropped) {
    drop();
  } else if (state_ == TargetState::kTaken) {
    serve();
  }
  return true;
}

Status HandoffTarget::check_offer(const std::string& body) const {
  VC_TRY(const Offer offer, decode_record<Offer>(body, "the offer of a tenant"));
  if (offer.version != kPeerVersion || offer.layout != peer_layout()) {
    return unfit(
        "the other instance lays out its state in another way; both need the same version");
  }
  const runtime::TenantConfig& own = host_->config();
  if (offer.tenant != own.tenant.str() || offer.token != host_->token().value) {
    return unfit("the other instance offers another one");
  }
  if (offer.generation != own.generation.value) {
    return Error(kOtherGeneration,
                 fmt::format("cannot take the tenant over: its configuration is of generation {} "
                             "here and {} there",
                             own.generation.value, offer.generation));
  }
  const std::uint64_t free = free_descriptors(offer.connections + kSpareDescriptors);
  if (free < offer.connections + kSpareDescriptors) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot take the tenant over: it has {} connections, and only {} more "
                             "descriptors may be opened here, of which {} are kept free",
                             offer.connections, free, kSpareDescriptors));
  }
  return ok_status();
}

void HandoffTarget::take_offer(const std::string& body) {
  if (const Status fits = check_offer(body); fits.has_error()) {
    return fail(TargetEvent::kOfferUnfit, fits.error());
  }
  if (go(TargetEvent::kOfferFits)) {
    (void)peer_.send(PeerMessage::kAccepted, {});  // if it is gone we shall hear of that
  }
}

void HandoffTarget::take_state(const std::string& body) {
  Result<runtime::TenantCarry> carried =
      decode_record<runtime::TenantCarry>(body, "the state of a tenant");
  if (carried.has_error()) {
    return fail(TargetEvent::kPeerLost, carried.error());
  }
  if (!go(TargetEvent::kState)) {
    return;
  }
  host_->open_prepared(std::move(*carried),
                       [this, alive = std::weak_ptr(alive_)](const Status& opened) {
                         if (alive.expired() || is_over(state_)) {
                           return;
                         }
                         if (opened.has_error()) {
                           return fail(TargetEvent::kOpenFailed, opened.error());
                         }
                         if (go(TargetEvent::kOpened)) {
                           (void)peer_.send(PeerMessage::kOpened, {});  // as above
                         }
                       });
}

void HandoffTarget::take_batch(const std::string& body, std::vector<UniqueFd> sockets) {
  if (!go(TargetEvent::kBatch)) {
    return;
  }
  if (const Status adopted = adopt_batch(body, std::move(sockets)); adopted.has_error()) {
    return fail(TargetEvent::kBatchUnfit, adopted.error());
  }
  (void)peer_.send(PeerMessage::kCopied, {});  // if it is gone we shall hear of that
}

Status HandoffTarget::adopt_batch(const std::string& body, std::vector<UniqueFd> sockets) {
  VC_TRY(Batch batch, decode_batch(body));
  auto next_socket = sockets.begin();
  for (Told& told : batch.told) {
    UniqueFd socket;
    if (!tally_.knows(told.id) && next_socket != sockets.end()) {
      socket = std::move(*next_socket++);
    }
    VC_TRY(adopt(std::move(told), std::move(socket)));
  }
  if (next_socket != sockets.end()) {
    return unfit("a batch of connections came with more sockets than new ones");
  }
  for (const CopyId id : batch.gone) {
    VC_TRY(host_->drop(id));
    tally_.drop(id);
  }
  return ok_status();
}

Status HandoffTarget::adopt(Told told, UniqueFd socket) {
  const bool is_new = tally_.is_next(told.id) && socket.is_open();
  if (!is_new && !tally_.knows(told.id)) {
    return unfit(fmt::format("connection {} came out of turn, or without its socket", told.id));
  }
  tally_.set(told.id, checksum_of(told), told.state);
  const Status adopted = host_->adopt(told.id, std::move(socket), std::move(told.state));
  refused_ += adopted.has_error() ? 1 : 0;
  return adopted;
}

void HandoffTarget::take_end(const std::string& body) {
  const Result<End> end = decode_record<End>(body, "the end of a hand-over");
  if (end.has_error()) {
    return fail(TargetEvent::kEndUnfit, end.error());
  }
  if (end->connections != tally_.connections() || end->checksum != tally_.checksum()) {
    return fail(TargetEvent::kEndUnfit,
                unfit(fmt::format("{} connections were announced and {} came, or not as they were",
                                  end->connections, tally_.connections())));
  }
  (void)go(TargetEvent::kEndFits);
}

void HandoffTarget::serve() {
  // This is the instant. The word lies in the other one's socket before a byte is read or written
  // here, so that it learns of it even if we die the next moment; and if it is the one that has
  // died, nobody else has the tenant.
  const Status said = peer_.send_now(PeerMessage::kTaken);
  if (said.has_error() && said.error().code() != ErrorCode::kUnavailable) {
    // The other one would go on as well.
    why_ = said.error();
    state_ = TargetState::kDropped;
    return drop();
  }
  host_->go();
  finish(Taken{std::move(host_), tally_.connections(), tally_.websockets()});
}

void HandoffTarget::drop() {
  const Refusal refusal{std::string(name_of(why_.code())), why_.text(), refused_};
  (void)peer_.send(last_word_, encode_record(refusal));  // if it is gone it does not matter
  // Not all at once: others are served here.
  host_->drop_copies([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) {
      finish(why_);
    }
  });
}

void HandoffTarget::finish(Result<Taken> outcome) {
  if (deadline_) {
    reactor_.cancel(*std::exchange(deadline_, std::nullopt));
  }
  auto shared = std::make_shared<Result<Taken>>(std::move(outcome));
  reactor_.post([this, shared, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) {
      std::exchange(done_, nullptr)(std::move(*shared));
    }
  });
}

}  // namespace voicectl::handoff
