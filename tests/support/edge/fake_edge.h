// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "provisioner/edge/edge_proxy.h"

namespace voicectl {

/// The edge of the simulated machine. It outlives the daemon, as nginx does.
struct FakeEdgeState {
  std::optional<EdgeConfig> served;
  /// Which tenant a host leads to.
  std::map<HostName, TenantId> routes;
  /// The sockets that tenants were published with.
  std::map<TenantId, std::string> sockets;
  /// Every change of a route, oldest first: "publish acme acme.voice.test", "withdraw acme".
  std::vector<std::string> history;
  /// Where callers of the tenant get to; nullopt if it is not known to them.
  std::optional<std::string> socket_of(const TenantId& tenant) const;
  int starts = 0;
  /// Reloads so far, under whichever daemon.
  std::uint64_t reloads = 0;

  /// The next configure() fails so, and changes nothing.
  std::optional<Error> refuse_next;
  /// How long a configuration takes until it is served; without one it is served at once, as by an
  /// nginx that goes on when the daemon dies.
  Duration lag{};
};

/// One daemon's view of the fake edge.
class FakeEdgeProxy final : public EdgeProxy {
 public:
  /// REQUIRES: both outlive it.
  FakeEdgeProxy(FakeEdgeState& state, Reactor& reactor, OnEvent on_event = {});

  void configure(const EdgeConfig& config, Completion<EdgeOutcome> done) override;
  Status publish_route(const TenantId& tenant,
                       const std::vector<HostName>& hosts,
                       const std::string& socket_path) override;
  Status withdraw_route(const TenantId& tenant) override;
  EdgeObservation observe() const override;
  Status reopen_logs() override { return ok_status(); }
  void stop(Completion<void> done) override;

  /// The proxy ends by itself and serves again at once, as a restart that works.
  void die();

 private:
  void serve(const EdgeConfig& config, const Completion<EdgeOutcome>& done);
  Status check_host(const TenantId& tenant, const HostName& host) const;

  FakeEdgeState& state_;
  Reactor& reactor_;
  OnEvent on_event_;
  bool is_busy_ = false;
  std::uint64_t reloads_ = 0;
  std::uint64_t deaths_ = 0;
};

}  // namespace voicectl
