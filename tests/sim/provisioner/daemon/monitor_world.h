// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"

namespace voicectl {

/// A platform whose monitor watches load that a test makes up.
class MonitorSim : public DaemonWorld {
 protected:
  MonitorSim() { watch(); }
  ~MonitorSim() override { watch_.reset(); }

  static DesiredState a_platform(const std::vector<std::string>& tenants = {"alpha", "beta"},
                                 PromotionMode mode = PromotionMode::kOn) {
    DesiredState desired = platform_with(tenants);
    PromotionPolicy& policy = desired.platform.monitor;
    policy.mode = mode;
    policy.starter = {.high_sessions = 20, .low_sessions = 5, .high_dwell = 60s};
    policy.low_dwell = 300s;
    policy.cooldown = 120s;
    return desired;
  }

  void watch() {
    watch_ = std::make_unique<SimWatch>(daemon());
    watch_->watch.feed().start();
  }
  void kill_daemon_and_watch() {
    watch_.reset();
    kill_daemon();
  }
  void restart_daemon() {
    kill_daemon_and_watch();
    start_daemon();
    watch();
  }
  void set_sessions(const std::string& tenant, std::uint64_t count) {
    machine.instances.sessions[*TenantId::parse(tenant)] = count;
  }
  std::vector<std::string> holders(const std::string& tenant) {
    return machine.instances.holders(*TenantId::parse(tenant));
  }
  void use_processor(const std::string& tenant, std::uint32_t milli) {
    machine.instances.use_processor(*TenantId::parse(tenant), MilliCpu{milli});
  }
  std::vector<std::string> tenants_on(const std::string& instance) {
    std::vector<std::string> out;
    for (const auto& [name, record] : daemon().daemon->recorded().snapshot().tenants) {
      if (record.placement && record.placement->str() == instance) {
        out.push_back(name.str());
      }
    }
    return out;
  }
  bool is_on(const std::string& instance, const std::string& tenant) {
    return recorded(tenant).placement->str() == instance;
  }
  static DesiredState with_one_more(const DesiredState& desired, const std::string& tenant) {
    DesiredState out = desired;
    out.tenants.push_back(platform_with({tenant}).tenants.front());
    return out;
  }
  const RecordedTenant& recorded(const std::string& tenant) {
    return *daemon().daemon->recorded().find_tenant(*TenantId::parse(tenant));
  }
  std::size_t told(const std::string& event) {
    return static_cast<std::size_t>(
        std::count_if(machine.log_lines.begin(), machine.log_lines.end(),
                      [&](const std::string& line) { return line.find(event) != line.npos; }));
  }

  /// A pool whose shared-0 has all the work.
  DesiredState a_crowded_pool() {
    DesiredState desired = a_platform({"alpha", "beta", "gamma", "delta", "epsilon", "zeta"});
    desired.platform.pool_size = 2;
    desired.platform.monitor.balance = {.spread = {300}, .dwell = 60s};
    apply(desired);
    for (const std::string& tenant : tenants_on("shared-0")) {
      use_processor(tenant, 250);
    }
    return desired;
  }
  std::string metrics() { return watch_->watch.metrics(); }
  Watch& eye() { return watch_->watch; }
  SimHost& host() { return watch_->host; }
  PromotionRule rule_of(const std::string& tenant) {
    const Snapshot& snapshot = daemon().daemon->recorded().snapshot();
    for (const PromotionDecision& one : eye().monitor().judge(machine.sim.now(), snapshot)) {
      if (one.tenant.str() == tenant) {
        return one.rule;
      }
    }
    return PromotionRule::kUnseen;
  }
  std::size_t wishes() {
    std::size_t out = 0;
    for (const auto& [name, record] : daemon().daemon->recorded().snapshot().tenants) {
      out += record.wish ? 1 : 0;
    }
    return out;
  }

  /// Promotes "alpha" again and again, with the daemon killed at one call after the other, and each
  /// time it is quiet again afterwards.
  void die_anywhere_in_a_promotion(const DesiredState& desired,
                                   const ::testing::Matcher<std::string>& own_instance) {
    std::size_t points = 0;
    for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
      for (std::size_t n = 1; dies_at(n, point, desired, own_instance); ++n) {
        ++points;
      }
    }
    EXPECT_GT(points, 0U);
  }
  /// One promotion of those. False if it had come to its end by then, or something is wrong.
  bool dies_at(std::size_t n,
               KillPoint point,
               const DesiredState& desired,
               const ::testing::Matcher<std::string>& own_instance) {
    SCOPED_TRACE(fmt::format("killed {} call {}",
                             point == KillPoint::kBeforeEffect ? "before" : "after", n));
    set_sessions("alpha", 25);
    machine.sim.advance(55s);
    daemon().plan.kill_at(daemon().plan.calls() + n, point);
    bool died = false;
    try {
      machine.sim.advance(60s);
    } catch (const DaemonKilled&) {
      died = true;
    }
    EXPECT_EQ(holders("alpha").size(), 1U);
    restart_daemon();
    machine.sim.advance(200s);
    EXPECT_THAT(holders("alpha"), ::testing::ElementsAre(own_instance));
    expect_converged(desired);
    set_sessions("alpha", 0);
    machine.sim.advance(600s);
    EXPECT_THAT(holders("alpha"), ::testing::ElementsAre(::testing::HasSubstr("shared-")));
    expect_converged(desired);
    return died && !HasFailure();
  }

 private:
  std::unique_ptr<SimWatch> watch_;
};

}  // namespace voicectl
