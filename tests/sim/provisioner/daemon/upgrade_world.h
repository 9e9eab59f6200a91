// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {

inline constexpr const char* kNext = "/opt/next/voice-runtime";

/// How an upgrade went, as whoever asked for it was told.
struct Upgraded {
  std::optional<Error> refused;
  bool is_finished = false;
  api::ApplyOutcome outcome;
  std::vector<std::string> lines;
};

/// A platform whose voice-runtime another one stands beside.
class UpgradeSim : public DaemonWorld {
 protected:
  UpgradeSim() { fingerprint = install(kNext, "2.0 layout-1"); }

  static DesiredState three_and_one() {
    DesiredState desired = platform_with({"alpha", "beta", "big", "gamma"});
    desired.tenants[2].tier = Tier::kDedicated;
    return desired;
  }
  static UpgradeRequest to_next() {
    UpgradeRequest request;
    request.runtime = kNext;
    request.wish.who = "test";
    return request;
  }
  std::shared_ptr<Upgraded> begin(const UpgradeRequest& request = to_next()) {
    auto out = std::make_shared<Upgraded>();
    daemon().daemon->upgrade().begin(
        request,
        {[](const Plan&) {},
         [out](const api::StepProgress& step) {
           out->lines.push_back(step.text + (step.error.empty() ? "" : ": " + step.error));
         },
         [out](const api::ApplyOutcome& outcome) {
           out->is_finished = true;
           out->outcome = outcome;
         }},
        [out](const Error& error) { out->refused = error; });
    return out;
  }
  Upgraded upgrade(const UpgradeRequest& request = to_next()) {
    const auto out = begin(request);
    machine.sim.advance(300s);
    return *out;
  }
  Result<UpgradeForecast> forecast(const UpgradeRequest& request) {
    std::optional<Result<UpgradeForecast>> out;
    daemon().daemon->upgrade().forecast(request,
                                        [&](const Result<UpgradeForecast>& made) { out = made; });
    machine.sim.advance(10s);
    return out.value_or(Error(ErrorCode::kTimeout, "no forecast came"));
  }
  const Programs& programs() { return daemon().daemon->recorded().snapshot().programs; }
  /// Programs that instances run.
  std::set<std::string> running() {
    std::set<std::string> out;
    for (const auto& [name, instance] : daemon().daemon->recorded().snapshot().instances) {
      out.insert(machine.instances.program_of(name.str()));
    }
    return out;
  }
  static std::string copy_of(const std::string& program) {
    return "/var/lib/voicectl/programs/" + program + "/voice-runtime";
  }
  std::string old_copy() { return copy_of(fingerprint_of_program("1.0 layout-1")); }
  std::string new_copy() { return copy_of(fingerprint); }
  std::vector<std::string> copies() { return *machine.files.list("/var/lib/voicectl/programs"); }

  std::string fingerprint;
};

}  // namespace voicectl
