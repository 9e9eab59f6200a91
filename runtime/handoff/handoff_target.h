// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "base/result.h"
#include "runtime/handoff/copy_tally.h"
#include "runtime/handoff/handoff_source.h"
#include "runtime/handoff/peer_channel.h"
#include "runtime/handoff/target_fsm.h"
#include "runtime/tenant/tenant_host.h"

namespace voicectl::handoff {

/// Gets one tenant from another process. Until it says that it has it, it has served nothing, and
/// whatever goes wrong costs nothing.
///
/// THREADS: loop thread only.
class HandoffTarget {
 public:
  struct Taken {
    std::unique_ptr<runtime::TenantHost> host;
    std::uint64_t connections = 0;
    std::uint64_t websockets = 0;
  };
  using Done = std::function<void(Result<Taken> outcome)>;

  /// `host` is prepared. `done` runs once, in a later turn. REQUIRES: `reactor` outlives it.
  HandoffTarget(Reactor& reactor,
                std::unique_ptr<runtime::TenantHost> host,
                std::unique_ptr<FdChannel> channel,
                HandoffTimes times,
                Done done);
  ~HandoffTarget();
  HandoffTarget(const HandoffTarget&) = delete;
  HandoffTarget& operator=(const HandoffTarget&) = delete;

  void start();
  /// Does not take the tenant, unless it has it already.
  void cancel(const Error& why);

 private:
  void take(PeerMessage type, const std::string& body, std::vector<UniqueFd> sockets);
  void fail(TargetEvent event, Error why);
  bool go(TargetEvent event);
  Status check_offer(const std::string& body) const;
  void take_offer(const std::string& body);
  void take_state(const std::string& body);
  void take_batch(const std::string& body, std::vector<UniqueFd> sockets);
  Status adopt_batch(const std::string& body, std::vector<UniqueFd> sockets);
  Status adopt(Told told, UniqueFd socket);
  void take_end(const std::string& body);
  void serve();
  void drop();
  void finish(Result<Taken> outcome);

  Reactor& reactor_;
  std::unique_ptr<runtime::TenantHost> host_;
  PeerChannel peer_;
  HandoffTimes times_;
  Done done_;
  TargetState state_ = TargetState::kWaiting;
  Error why_;
  /// How it is told that the tenant was not taken.
  PeerMessage last_word_ = PeerMessage::kRefused;
  CopyTally tally_;
  std::uint64_t refused_ = 0;
  std::optional<TimerId> deadline_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl::handoff
