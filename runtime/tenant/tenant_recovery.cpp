// SPDX-License-Identifier: Apache-2.0
// What a tenant goes on with when its process before died.
#include <utility>

#include "runtime/tenant/tenant_inner.h"

namespace voicectl::runtime {
namespace {

/// RFC 6455 registry: an error on our side.
constexpr std::uint16_t kInternalError = 1011;

ConnectionState state_of(parking::ParkedState parked) {
  ConnectionState state;
  state.is_websocket = true;
  state.tag = std::move(parked.tag);
  state.note = std::move(parked.note);
  state.unread = std::move(parked.unread);
  state.fragments = std::move(parked.fragments);
  state.fragment_opcode = parked.fragment_opcode;
  state.unanswered_pings = parked.unanswered_pings;
  return state;
}

}  // namespace

std::uint64_t RecoveredCount::all_doubtful() const {
  std::uint64_t sum = 0;
  for (const auto& [why, count] : doubtful) {
    sum += count;
  }
  return sum;
}

RecoveredCount& RecoveredCount::operator+=(const RecoveredCount& other) {
  kept += other.kept;
  for (const auto& [why, count] : other.doubtful) {
    doubtful[why] += count;
  }
  return *this;
}

RecoveredCount TenantHost::recover(std::vector<parking::ParkedConnection> connections) {
  const WorkScope scope(inner_->account.get());
  RecoveredCount count;
  inner_->is_recovering = true;
  for (parking::ParkedConnection& one : connections) {
    if (const auto* const doubt = std::get_if<parking::Doubt>(&one.state)) {
      // One that had ended is no loss. The peer of any other learns it from the socket's end.
      if (*doubt != parking::Doubt::kEnded) {
        ++count.doubtful[std::string(parking::name_of(*doubt))];
      }
      continue;
    }
    inner_->misfit.reset();
    inner_->server.adopt(DetachedConnection{
        std::move(one.socket), state_of(std::move(std::get<parking::ParkedState>(one.state)))});
    if (inner_->misfit) {
      ++count.doubtful[std::string(parking::name_of(parking::Doubt::kBroken))];
    } else {
      ++count.kept;
    }
  }
  inner_->is_recovering = false;
  // The holder has them no more: until they are parked again the next death would cost them all.
  inner_->server.keep_now();
  inner_->live.review();
  inner_->recovered += count;
  return count;
}

void TenantHost::Inner::take_adopted(const std::string& tag,
                                     const std::string& note,
                                     const std::shared_ptr<WebSocket>& socket) {
  const Status known =
      is_recovering ? live.recover(tag, note, socket) : live.adopt(tag, note, socket);
  misfit = known.has_error() ? std::optional(known.error()) : std::nullopt;
  if (is_recovering && misfit) {
    socket->close(kInternalError, "it cannot be gone on with");
  }
}

}  // namespace voicectl::runtime
