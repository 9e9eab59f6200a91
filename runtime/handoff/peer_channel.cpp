// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/peer_channel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/record_codec.h"
#include "runtime/net/websocket_codec.h"
#include "runtime/tenant/live_api.h"

namespace voicectl::handoff {
namespace {

/// Type, and whether more pieces follow.
constexpr std::size_t kPieceHead = 2;
constexpr std::size_t kPieceBody = kMaxChannelMessage - kPieceHead;

bool is_known(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(PeerMessage::kOffer) &&
         type <= static_cast<std::uint8_t>(PeerMessage::kWithdrawn);
}

/// Deadlines and buffers may be anything; these may not.
bool makes_sense(const Told& told) {
  const ConnectionState& state = told.state;
  const auto opcode = static_cast<Opcode>(state.fragment_opcode);
  const bool is_joining = opcode == Opcode::kText || opcode == Opcode::kBinary;
  if (!state.is_websocket) {
    return opcode == Opcode::kContinuation && state.fragments.empty() && !state.close_sent &&
           state.tag.empty() && state.note.empty();
  }
  return !state.continue_sent &&
         (is_joining || (opcode == Opcode::kContinuation && state.fragments.empty()));
}

}  // namespace

const std::string& peer_layout() {
  static const std::string kLayout = [] {
    RecordLayout layout;
    layout.describe<Offer>();
    layout.describe<runtime::TenantCarry>();
    layout.describe<Batch>();
    layout.describe<End>();
    layout.describe<Refusal>();
    return layout.text() + runtime::follower_note_layout();
  }();
  return kLayout;
}

std::uint64_t checksum_of(std::string_view bytes, std::uint64_t sum) {
  constexpr std::uint64_t kPrime = 0x9E37'79B9'7F4A'7C15;
  const auto mix = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * kPrime;
    sum ^= sum >> 29U;
  };
  mix(bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(sizeof word, bytes.size());
    std::memcpy(&word, bytes.data(), size);
    mix(word);
    bytes.remove_prefix(size);
  }
  return sum;
}

std::uint64_t checksum_of(const Told& told) {
  return checksum_of(encode_record(told), 0);
}

Result<Batch> decode_batch(std::string_view bytes) {
  VC_TRY(Batch batch, decode_record<Batch>(bytes, "a batch of connections"));
  if (!std::all_of(batch.told.begin(), batch.told.end(), makes_sense)) {
    return Error(ErrorCode::kCorrupt,
                 "cannot go on with a connection: its state contradicts itself");
  }
  return batch;
}

void PeerChannel::start(Handlers handlers) {
  handlers_ = std::move(handlers);
  channel_->start({[this](const std::string& piece, std::vector<UniqueFd> sockets) {
                     take(piece, std::move(sockets));
                   },
                   [this] { lose(); }});
}

Status PeerChannel::send(PeerMessage type, std::string_view body, const std::vector<int>& sockets) {
  while (true) {
    const bool is_last = body.size() <= kPieceBody;
    std::string piece;
    piece.reserve(kPieceHead + std::min(body.size(), kPieceBody));
    piece += static_cast<char>(type);
    piece += static_cast<char>(is_last ? 0 : 1);
    piece += body.substr(0, kPieceBody);
    // The sockets come with the last piece, when what belongs to them is there.
    VC_TRY(channel_->send(piece, is_last ? sockets : std::vector<int>()));
    if (is_last) {
      return ok_status();
    }
    body.remove_prefix(kPieceBody);
  }
}

Status PeerChannel::send_now(PeerMessage type) {
  return channel_->send_now(std::string{static_cast<char>(type), 0});
}

void PeerChannel::take(std::string_view piece, std::vector<UniqueFd> sockets) {
  const bool fits =
      piece.size() >= kPieceHead && is_known(static_cast<std::uint8_t>(piece[0])) &&
      (piece[1] == 0 || (piece[1] == 1 && sockets.empty())) &&
      // Nobody gets sockets that are nobody's connection.
      (sockets.empty() || static_cast<PeerMessage>(piece[0]) == PeerMessage::kBatch) &&
      arriving_.size() + piece.size() <= kMaxPeerMessage;
  if (!fits) {
    lose();
    return;
  }
  arriving_ += piece.substr(kPieceHead);
  if (piece[1] == 0) {
    // A copy: the handler may destroy the channel.
    const auto on_message = handlers_.on_message;
    if (on_message) {
      on_message(static_cast<PeerMessage>(piece[0]), std::exchange(arriving_, std::string()),
                 std::move(sockets));
    }
  }
}

void PeerChannel::lose() {
  const Handlers handlers = std::exchange(handlers_, Handlers());
  if (handlers.on_lost) {
    handlers.on_lost();
  }
}

}  // namespace voicectl::handoff
