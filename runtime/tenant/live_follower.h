// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/session/session_event.h"
#include "runtime/tenant/live_api.h"
#include "runtime/tenant/token_bucket.h"

/// For live_api.cpp and live_moves.cpp only.
namespace voicectl::runtime {

/// What a connection's tag says, before '#' and the id of its key.
inline constexpr std::string_view kSessionTag = "session/";
inline constexpr std::string_view kStaffTag = "staff";

inline constexpr std::uint16_t kTryAgainLater = 1013;

/// Events read from the store at a time, so that a long replay does not hold up other work on it.
inline constexpr std::uint32_t kReplayPage = 500;

/// Live events that may wait behind a replay.
inline constexpr std::size_t kMostWaiting = 2000;

/// How a socket is closed that may not stay.
struct LiveApi::Ending {
  std::uint16_t code;
  std::string_view reason;
};

/// One WebSocket and how far its events are.
struct LiveApi::Follower {
  std::shared_ptr<WebSocket> socket;
  /// Absent for the tenant's channel.
  std::optional<SessionId> session;
  /// The API key that opened it; empty if the session's token did.
  std::string key_id;
  /// When it has to close because its session is long over.
  std::optional<WallTime> session_end;
  std::uint64_t sent = 0;
  /// The last event when it came: the replay must reach it.
  std::uint64_t last = 0;
  bool replaying = true;
  /// How many events are read next: few more than it takes at a time, so that little is read in
  /// vain.
  std::uint32_t page = kReplayPage;
  /// While it is replayed from a number of the tenant on, since nobody knows that of its session:
  /// the last one that was looked at.
  std::optional<std::uint64_t> tenant_sent;
  TokenBucket texts;
  /// Live events that came during the replay.
  std::vector<std::pair<std::uint64_t, std::string>> waiting;
  EventHub::Subscription subscription;

  /// It has had all up to that number, of the tenant or of what it follows.
  void place_at(std::uint64_t number, bool is_of_tenant) {
    if (is_of_tenant && session) {
      tenant_sent = number;
    } else {
      sent = number;
    }
  }

  void send(std::uint64_t seq, const std::string& text) {
    if (seq > sent) {
      sent = seq;
      socket->send_text(text);
    }
  }

  /// One that it missed.
  void send_again(const SessionEvent& event) {
    if (!session) {
      send(event.tenant_seq, render_for_staff(event));
      return;
    }
    if (tenant_sent) {
      tenant_sent = event.tenant_seq;
    }
    if (event.session == *session) {
      send(event.seq, render_for_session(event));
    }
  }

  std::size_t waiting_bytes() const {
    std::size_t bytes = 0;
    for (const auto& [seq, text] : waiting) {
      bytes += seq > sent ? text.size() : 0;
    }
    return bytes;
  }

  void take(std::uint64_t seq, const std::string& text) {
    if (replaying && waiting.size() >= kMostWaiting) {
      socket->close(kTryAgainLater, "events come faster than they can be replayed; try again");
    } else if (replaying) {
      waiting.emplace_back(seq, text);
    } else {
      send(seq, text);
    }
  }

  void go_live() {
    replaying = false;
    tenant_sent.reset();
    for (const auto& [seq, text] : std::exchange(waiting, {})) {
      send(seq, text);
    }
  }
};

}  // namespace voicectl::runtime
