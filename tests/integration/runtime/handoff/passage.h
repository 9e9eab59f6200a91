// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/handoff/handoff_source.h"
#include "runtime/handoff/handoff_target.h"
#include "tests/integration/runtime/byte_peer.h"
#include "tests/integration/runtime/handoff/staged_channel.h"
#include "tests/integration/runtime/runtime_fixture.h"

namespace voicectl::handoff {

/// A tenant on its way from one host object to another, over a stage, in one process.
class Passage {
 public:
  Passage();
  ~Passage();

  /// Begins to hand over. REQUIRES: the one before is over.
  void begin();
  bool is_over() const { return report.has_value(); }
  /// Waits until it stands at the message where the stage stops.
  bool reach(PeerMessage type);
  /// Waits for the end. Both sides were gone on with until then.
  void finish();
  /// Ends one side as if its process had died.
  void kill_target();
  void kill_source();

  /// A WebSocket on the tenant's channel.
  std::unique_ptr<BytePeer> follower(const std::string& path = "/ws/staff");
  std::unique_ptr<BytePeer> peer() { return std::make_unique<BytePeer>(world.reactor(), port()); }
  std::uint16_t port() const { return source.port; }
  HttpResponse create_session();
  std::string health() { return world.send(port(), "GET", "/health").body; }
  /// Begins with one side only; the other end is for a test to say what it likes.
  std::unique_ptr<FdChannel> begin_target_only();
  std::unique_ptr<FdChannel> begin_source_only();
  HandOverOrder order() const;
  std::unique_ptr<runtime::TenantHost> prepare_target();

  runtime::RuntimeFixture world;
  Stage stage;
  HandoffTimes times;
  /// Who has the tenant at first, and again if it is kept; who has it in the end otherwise.
  runtime::RuntimeFixture::Served source;
  std::unique_ptr<runtime::TenantHost> moved;
  std::unique_ptr<HandoffSource> giving;
  std::unique_ptr<HandoffTarget> getting;
  std::optional<HandOverReport> report;
  std::optional<std::chrono::milliseconds> progress_every;
  std::vector<HandOverProgress> progress;
  std::optional<Error> target_error;
  bool is_target_over = false;

 private:
  PosixFdChannelFactory channels_{world.reactor(), world.reactor()};
  std::uint64_t token_ = 1;
  /// Tokens as they were given out for the present hand-over.
  FencingToken next_;

  std::pair<UniqueFd, UniqueFd> prepare();
  void make_source(UniqueFd socket);
  void make_target(UniqueFd socket);
};

std::string ping(std::string_view payload);
std::string pong(std::string_view payload);

}  // namespace voicectl::handoff
