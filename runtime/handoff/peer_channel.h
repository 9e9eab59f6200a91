// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/fd_channel.h"
#include "base/os/reactor.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "runtime/handoff/connection_record.h"
#include "runtime/tenant/tenant_carry.h"

/// What the two instances of a hand-over say to each other, over a pair of connected sockets that
/// the daemon gave them.
namespace voicectl::handoff {

/// Of what the messages mean. How they are laid out is compared field by field.
inline constexpr std::uint32_t kPeerVersion = 2;

enum class PeerMessage : std::uint8_t {
  // From whoever has the tenant.
  kOffer = 1,
  kState,     ///< the store is yours: a runtime::TenantCarry
  kBatch,     ///< what is new of the connections, with the sockets of new ones
  kEnd,       ///< nothing more is new
  kWithdraw,  ///< drop it, unless you have taken it
  // From whoever gets it.
  kAccepted,
  kCopied,  ///< one batch
  kRefused,
  kOpened,     ///< the store is open here
  kTaken,      ///< it is served here; the last message
  kWithdrawn,  ///< it is dropped; the last message
};

struct Offer {
  std::uint32_t version = kPeerVersion;
  /// Names and types of every field of every message.
  std::string layout;
  std::string tenant;
  std::uint64_t generation = 0;
  std::uint64_t token = 0;
  std::uint64_t connections = 0;
};
struct Refusal {
  std::string code;
  std::string text;
  /// Connections that cannot be served there.
  std::uint64_t connections = 0;
};
/// One connection as it is from now on. The first that is told has the id 1, the next 2: each with
/// its socket, which comes beside the message. A lower id replaces what was told before.
struct Told {
  CopyId id = 0;
  ConnectionState state;
};
struct Batch {
  std::vector<Told> told;
  /// They are not to be served there.
  std::vector<CopyId> gone;
};
/// Of everything that was told and is not gone.
struct End {
  std::uint64_t connections = 0;
  std::uint64_t checksum = 0;
};

/// Layout of everything above, to be equal at both ends.
const std::string& peer_layout();

/// Goes on from `sum` over `bytes`.
std::uint64_t checksum_of(std::string_view bytes, std::uint64_t sum);

/// What a connection adds to End::checksum.
std::uint64_t checksum_of(const Told& told);

/// A Batch of its bytes. ERRORS: kCorrupt also if a state in it is none.
Result<Batch> decode_batch(std::string_view bytes);

/// Most bytes of one message, however many pieces it comes in: a batch holds what peers have not
/// read yet.
inline constexpr std::size_t kMaxPeerMessage = std::size_t{256} << 20;

/// One end of the pair: messages of any size, in pieces of the channel's.
///
/// THREADS: loop thread only.
class PeerChannel {
 public:
  struct Handlers {
    std::function<void(PeerMessage type, std::string body, std::vector<UniqueFd> sockets)>
        on_message;
    /// The other end is gone or said what makes no sense. Nothing follows.
    std::function<void()> on_lost;
  };

  explicit PeerChannel(std::unique_ptr<FdChannel> channel) : channel_(std::move(channel)) {}
  /// No handler runs afterwards.
  ~PeerChannel() = default;
  PeerChannel(const PeerChannel&) = delete;
  PeerChannel& operator=(const PeerChannel&) = delete;

  void start(Handlers handlers);
  /// REQUIRES: no more sockets than a message of the channel carries. They stay the caller's.
  Status send(PeerMessage type, std::string_view body, const std::vector<int>& sockets = {});
  /// A message without a body, for which FdChannel::send_now holds.
  Status send_now(PeerMessage type);

 private:
  void take(std::string_view piece, std::vector<UniqueFd> sockets);
  void lose();

  std::unique_ptr<FdChannel> channel_;
  Handlers handlers_;
  /// Pieces so far of the message that is arriving.
  std::string arriving_;
};

template <typename Visit>
void visit_fields(Visit& visit, Offer& offer) {
  auto& [version, layout, tenant, generation, token, connections] = offer;
  visit("version", version);
  visit("layout", layout);
  visit("tenant", tenant);
  visit("generation", generation);
  visit("token", token);
  visit("connections", connections);
}
template <typename Visit>
void visit_fields(Visit& visit, Refusal& refusal) {
  auto& [code, text, connections] = refusal;
  visit("code", code);
  visit("text", text);
  visit("connections", connections);
}
template <typename Visit>
void visit_fields(Visit& visit, Told& told) {
  auto& [id, state] = told;
  visit("id", id);
  visit("state", state);
}
template <typename Visit>
void visit_fields(Visit& visit, Batch& batch) {
  auto& [told, gone] = batch;
  visit("told", told);
  visit("gone", gone);
}
template <typename Visit>
void visit_fields(Visit& visit, End& end) {
  auto& [connections, checksum] = end;
  visit("connections", connections);
  visit("checksum", checksum);
}

}  // namespace voicectl::handoff
