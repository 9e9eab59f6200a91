// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "provisioner/edge/edge_proxy.h"
#include "tests/support/faulty.h"

namespace voicectl {

/// An edge whose changes go as a plan of faults says.
class FaultyEdgeProxy final : public EdgeProxy {
 public:
  /// REQUIRES: all outlive it.
  FaultyEdgeProxy(EdgeProxy& inner, Reactor& reactor, FaultPlan& plan)
      : inner_(inner), reactor_(reactor), plan_(plan) {}

  void configure(const EdgeConfig& config, Completion<EdgeOutcome> done) override {
    // One that fails although it had its effect is answered once all the same.
    const auto is_answered = std::make_shared<bool>(false);
    const Status begun = plan_.run("edge configure", [&] {
      inner_.configure(config, [done, is_answered](const Result<EdgeOutcome>& outcome) {
        if (!*is_answered) {
          done(outcome);
        }
      });
      return ok_status();
    });
    if (begun.has_error()) {
      *is_answered = true;
      reactor_.post([done, error = begun.error()] { done(error); });
    }
  }
  Status publish_route(const TenantId& tenant,
                       const std::vector<HostName>& hosts,
                       const std::string& socket_path) override {
    return plan_.run("edge publish " + tenant.str(),
                     [&] { return inner_.publish_route(tenant, hosts, socket_path); });
  }
  Status withdraw_route(const TenantId& tenant) override {
    return plan_.run("edge withdraw " + tenant.str(),
                     [&] { return inner_.withdraw_route(tenant); });
  }
  EdgeObservation observe() const override { return inner_.observe(); }
  Status reopen_logs() override { return inner_.reopen_logs(); }
  void stop(Completion<void> done) override { inner_.stop(std::move(done)); }

 private:
  EdgeProxy& inner_;
  Reactor& reactor_;
  FaultPlan& plan_;
};

}  // namespace voicectl
