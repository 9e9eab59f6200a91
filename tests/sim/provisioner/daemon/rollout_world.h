// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {

/// Five tenants, whom an apply takes in batches.
class RolloutSim : public DaemonWorld {
 protected:
  static TenantId id(std::string_view slug) { return *TenantId::parse(slug); }
  /// One tenant goes first, the others two by two.
  static RolloutSpec canary_then_pairs(std::chrono::seconds pause = 0s) {
    return {.canary = {id("delta")}, .batch = 2, .pause = pause};
  }
  static DesiredState five() {
    return platform_with({"alpha", "beta", "delta", "epsilon", "gamma"});
  }
  /// All five with another name, which their instances have to take.
  static DesiredState five_renamed(const std::string& name = "Renamed") {
    DesiredState out = five();
    for (TenantSpec& tenant : out.tenants) {
      tenant.name = name;
    }
    return out;
  }
  std::shared_ptr<Applied> begin(const DesiredState& desired, const RolloutSpec& spec) {
    auto out = std::make_shared<Applied>();
    ReconcileLoop::ApplyRequest request{desired, std::nullopt, "test"};
    request.rollout = spec;
    EXPECT_THAT(daemon().daemon->loop().apply(
                    std::move(request),
                    {[](const Plan&) {},
                     [out](const api::StepProgress& step) { out->steps[step.text] = step; },
                     [out](const api::ApplyOutcome& outcome) {
                       out->is_finished = true;
                       out->outcome = outcome;
                     }}),
                IsOk());
    return out;
  }
  Applied roll_out(const DesiredState& desired, const RolloutSpec& spec) {
    const auto out = begin(desired, spec);
    machine.sim.advance(600s);
    return *out;
  }
  /// From now on instances refuse the configuration of that tenant.
  void refuse(const std::set<std::string>& tenants) {
    machine.instances.on_request =
        [tenants](const std::string&,
                  const control::Message& question) -> std::optional<Result<std::string>> {
      for (const std::string& tenant : tenants) {
        if (question.type == control::request::kReconfigure &&
            question.body.find(tenant) != std::string::npos) {
          return Result<std::string>(Error(ErrorCode::kInvalidArgument, "cannot take it"));
        }
      }
      return std::nullopt;
    };
  }
  void steal_the_lock() {
    daemon().daemon->loop().cut_short(Error(ErrorCode::kCancelled, "the lock was stolen"));
  }
  /// Of the range that tenants and instances get theirs from.
  static void each_port(const std::function<void(Port)>& act) {
    const PlatformSpec platform = five().platform;
    for (std::uint32_t number = platform.first_port; number <= platform.last_port; ++number) {
      act(*Port::make(number));
    }
  }
  /// More than are carried out side by side.
  static std::vector<std::string> many() {
    std::vector<std::string> out;
    for (int i = 0; i < 90; ++i) {
      out.push_back(fmt::format("t{:02}", i));
    }
    return out;
  }
  /// Tenants that are recorded with that name.
  std::vector<std::string> with_name(const std::string& name = "Renamed") {
    std::vector<std::string> out;
    for (const auto& [slug, tenant] : daemon().daemon->recorded().snapshot().tenants) {
      if (tenant.spec.name == name) {
        out.push_back(slug.str());
      }
    }
    return out;
  }
  const RolloutDriver& rollout() { return daemon().daemon->loop().rollout(); }
};

}  // namespace voicectl
