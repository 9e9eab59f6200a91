// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "provisioner/model/desired_state.h"
#include "tests/sim/provisioner/daemon/sim_daemon.h"
#include "tests/sim/provisioner/workload/witness.h"

namespace voicectl {

/// Those who call the tenants: each keeps a few sessions, comes by the edge's way to the tenant's
/// socket, adds events, and remembers which were acknowledged. Some answers do not reach them, and
/// they ask again.
///
/// What was acknowledged is there, whoever has the tenant by then, and nothing is there twice.
/// THREADS: one.
class Clients {
 public:
  explicit Clients(SimMachine& machine) : machine_(machine) {}

  /// Every client whose tenant is desired and recorded as serving asks for something.
  void act(const DesiredState& desired);
  /// The operator has taken the tenant out of the file: its sessions may go.
  void see_deletion(const TenantId& tenant);
  /// Everybody is answered, and everything that was acknowledged is there.
  void judge_rest(const DesiredState& desired);

  /// The first law that was broken.
  const std::optional<Broken>& broken() const { return broken_; }
  std::size_t acknowledged() const { return acknowledged_; }

 private:
  struct Session {
    std::string name;
    std::uint64_t acknowledged = 0;
    std::uint64_t asked = 0;
  };
  struct Client {
    /// Which tenant of that name it is a client of.
    WallTime tenant_since{};
    std::vector<Session> sessions;
  };
  /// nullptr if the tenant is not there for callers.
  Client* client_of(const TenantId& tenant);
  Session& choose(Client& client);
  /// Event `number`; nullopt if nobody answers now.
  std::optional<std::uint64_t> ask(const TenantId& tenant,
                                   const Session& session,
                                   std::uint64_t number);
  void judge(const TenantId& tenant, const Session& session, std::uint64_t events);
  void break_law(const std::string& what);
  bool one_of(std::uint64_t many) { return random_.below(many) == 0; }

  SimMachine& machine_;
  SeededRandom random_{11};
  std::map<TenantId, Client> clients_;
  /// Tenants that were to go, by when they were made: nobody calls them any more.
  std::map<TenantId, WallTime> condemned_;
  std::size_t begun_ = 0;
  std::size_t acknowledged_ = 0;
  std::optional<Broken> broken_;
};

}  // namespace voicectl
