// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/os/unique_fd.h"

namespace voicectl {

/// The whole state of a connection as plain data: what another process needs to go on with it.
struct ConnectionState {
  bool is_websocket = false;
  /// Received, not yet consumed: an unfinished request or frame from its first byte.
  std::string unread;
  /// Its client has been told to send the body of the unfinished request (100 Continue).
  bool continue_sent = false;
  /// Rendered, not yet written.
  std::string unsent;
  // Of a WebSocket: the tag of its upgrade, the message being joined, and whether we closed.
  std::string tag;
  std::uint8_t fragment_opcode = 0;
  std::string fragments;
  bool close_sent = false;
  /// The code of our close frame.
  std::uint16_t sent_code = 0;
  std::uint8_t unanswered_pings = 0;
  /// Pings and pongs that came since then: see ConnectionLimits::control_frames.
  std::uint16_t control_frames = 0;
  MonoTime counted_since{};
  /// What WebSocket::Handlers::note said.
  std::string note;
  /// When it is to be pinged, closed or refused unless something happens before.
  std::optional<MonoTime> deadline;
  friend bool operator==(const ConnectionState&, const ConnectionState&) = default;
};

/// A connection without the server that served it.
struct DetachedConnection {
  UniqueFd socket;
  ConnectionState state;
};

/// Names a connection between two servers while the one copies its connections to the other: 1 for
/// the first that is told, 2 for the next.
using CopyId = std::uint32_t;

/// A connection as whoever is to get it has to know it from now on.
struct ConnectionChange {
  CopyId id = 0;
  /// Of one that is told for the first time. Borrowed.
  std::optional<int> socket;
  ConnectionState state;
};

/// What whoever is to get the connections does not know yet.
struct ConnectionChanges {
  std::vector<ConnectionChange> changed;
  /// They have ended, or stay.
  std::vector<CopyId> gone;
  bool is_empty() const { return changed.empty() && gone.empty(); }
};

}  // namespace voicectl
