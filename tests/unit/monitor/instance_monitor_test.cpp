// SPDX-License-Identifier: Apache-2.0
#include "monitor/instance_monitor.h"

#include <gtest/gtest.h>

#include <string>

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1000s};

TenantId tenant(std::string_view name) {
  return TenantId::parse(name).value();
}
InstanceId instance(std::string_view name) {
  return InstanceId::parse(name).value();
}

TenantStats stats(std::string_view name, std::uint64_t sessions, std::uint64_t requests) {
  TenantStats out{tenant(name)};
  out.sessions = sessions;
  out.requests_total = requests;
  return out;
}

InstanceReport report(std::string_view name, Duration cpu_time, std::vector<TenantStats> tenants) {
  ProcessUsage usage;
  usage.cpu_time = cpu_time;
  usage.memory = Bytes{50'000'000};
  return {instance(name), usage, std::move(tenants)};
}

PromotionPolicy a_policy() {
  PromotionPolicy policy;
  policy.mode = PromotionMode::kObserve;
  policy.starter = {.high_sessions = 20,
                    .low_sessions = 5,
                    .high_cpu = {500},
                    .low_cpu = {100},
                    .high_dwell = 60s};
  policy.low_dwell = 120s;
  policy.cooldown = 300s;
  return policy;
}

Snapshot placed(std::string_view name, std::string_view where) {
  Snapshot snapshot;
  const TenantSpec spec{tenant(name)};
  snapshot.tenants.emplace(
      tenant(name),
      RecordedTenant{spec, TenantPhase::kServing, {}, {}, true, true, instance(where), {}, {}, {}});
  const Port port = Port::make(21000).value();
  snapshot.instances.emplace(
      instance("shared-0"),
      RecordedInstance{instance("shared-0"), InstanceKind::kShared, port, "", {}});
  snapshot.instances.emplace(
      instance("dedicated-acme"),
      RecordedInstance{instance("dedicated-acme"), InstanceKind::kDedicated, port, "", {}});
  return snapshot;
}

TEST(InstanceMonitorTest, TurnsProcessorTimeIntoARate) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 10s, {}));
  EXPECT_EQ(monitor.instances().at(instance("shared-0")).cpu, std::nullopt);

  monitor.ingest(kStart + 5s, report("shared-0", 11s, {}));
  monitor.ingest(kStart + 10s, report("shared-0", 14s, {}));

  const ObservedInstanceLoad& seen = monitor.instances().at(instance("shared-0"));
  EXPECT_EQ(seen.cpu, MilliCpu{600});
  EXPECT_EQ(seen.mean_cpu, MilliCpu{400});
  EXPECT_EQ(seen.usage->memory, Bytes{50'000'000});
}

TEST(InstanceMonitorTest, SeesNoRateAcrossARestart) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 100s, {}));

  monitor.ingest(kStart + 5s, report("shared-0", 1s, {}));

  EXPECT_EQ(monitor.instances().at(instance("shared-0")).cpu, std::nullopt);
}

TEST(InstanceMonitorTest, GivesTenantsTheirShareByRequests) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 0s, {stats("a", 1, 100), stats("b", 9, 100)}));

  monitor.ingest(kStart + 5s, report("shared-0", 4s, {stats("a", 1, 175), stats("b", 9, 125)}));

  EXPECT_EQ(monitor.tenants().at(tenant("a")).cpu, MilliCpu{600});
  EXPECT_EQ(monitor.tenants().at(tenant("b")).cpu, MilliCpu{200});
}

TEST(InstanceMonitorTest, GivesTenantsTheirShareBySessionsWhenNobodyAsked) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 0s, {stats("a", 1, 100), stats("b", 3, 100)}));

  monitor.ingest(kStart + 5s, report("shared-0", 1s, {stats("a", 1, 100), stats("b", 3, 100)}));

  EXPECT_EQ(monitor.tenants().at(tenant("a")).cpu, MilliCpu{50});
  EXPECT_EQ(monitor.tenants().at(tenant("b")).cpu, MilliCpu{150});
}

TEST(InstanceMonitorTest, ShowsSessionsNowAndOverTheLastMinute) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 0s, {stats("a", 90, 0)}));
  monitor.ingest(kStart + 70s, report("shared-0", 0s, {stats("a", 4, 0), stats("b", 1, 0)}));
  monitor.ingest(kStart + 75s, report("shared-0", 0s, {stats("a", 2, 0), stats("b", 1, 0)}));

  const ObservedTenantLoad& seen = monitor.tenants().at(tenant("a"));
  EXPECT_EQ(seen.stats.sessions, 2U);
  EXPECT_EQ(seen.mean_sessions, 3.0);
  EXPECT_EQ(seen.max_sessions, 4.0);
  EXPECT_EQ(monitor.instances().at(instance("shared-0")).sessions, 3U);
}

/// A tenant with a steady load on one instance.
class DecisionTest : public ::testing::Test {
 protected:
  std::string run(Duration length, std::uint64_t sessions, std::string_view where) {
    std::string told;
    for (const MonoTime end = now_ + length; now_ < end; now_ += kSampleInterval) {
      cpu_time_ += 10ms;
      monitor_.ingest(now_, report(where, cpu_time_, {stats("acme", sessions, 0)}));
      for (const PromotionDecision& decision : monitor_.news(now_, placed("acme", where))) {
        told += name_of(*decision.kind);
        told += " after " + format_duration(now_ - kStart) + "; ";
      }
    }
    return told;
  }

  InstanceMonitor monitor_{a_policy()};
  MonoTime now_ = kStart;
  Duration cpu_time_{0};
};

TEST_F(DecisionTest, IsMadeAtTheDwellAndToldOnce) {
  EXPECT_EQ(run(60s, 25, "shared-0"), "");
  EXPECT_EQ(run(60s, 25, "shared-0"), "promote after 1m00s; ");
}

TEST_F(DecisionTest, IsToldAgainAfterItStoppedHolding) {
  EXPECT_EQ(run(65s, 25, "shared-0"), "promote after 1m00s; ");
  EXPECT_EQ(run(5s, 3, "shared-0"), "");
  EXPECT_EQ(run(65s, 25, "shared-0"), "promote after 2m10s; ");
}

TEST_F(DecisionTest, WaitsForTheCooldownAfterAMove) {
  run(65s, 25, "shared-0");

  EXPECT_EQ(run(400s, 1, "dedicated-acme"), "demote after 6m05s; ");
}

TEST_F(DecisionTest, StandsAsLongAsItHolds) {
  run(65s, 25, "shared-0");
  run(65s, 25, "shared-0");

  const auto standing = monitor_.judge(now_, placed("acme", "shared-0"));

  ASSERT_EQ(standing.size(), 1U);
  EXPECT_EQ(standing.front().kind, PromotionKind::kPromote);
  EXPECT_EQ(standing.front().reason,
            "25 live sessions, at or above the high mark of 20 for 2m10s (dwell 1m00s)");
}

TEST_F(DecisionTest, IsNotMadeFromWhatWasSeenElsewhere) {
  run(65s, 25, "shared-0");

  EXPECT_TRUE(monitor_.judge(now_, placed("acme", "dedicated-acme")).empty());
}

TEST_F(DecisionTest, IsNotMadeAboutATenantThatIsGone) {
  run(65s, 25, "shared-0");

  monitor_.forget_older_than(now_ + 61s, 60s);

  EXPECT_TRUE(monitor_.tenants().empty());
  EXPECT_TRUE(monitor_.instances().empty());
  EXPECT_TRUE(monitor_.judge(now_, placed("acme", "shared-0")).empty());
}

}  // namespace
}  // namespace voicectl
