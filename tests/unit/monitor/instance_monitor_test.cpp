// SPDX-License-Identifier: Apache-2.0
#include "monitor/instance_monitor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
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
  InstanceReport out{instance(name), usage, std::move(tenants)};
  out.kind = name.starts_with("shared-") ? InstanceKind::kShared : InstanceKind::kDedicated;
  return out;
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
      instance("shared-1"),
      RecordedInstance{instance("shared-1"), InstanceKind::kShared, port, "", {}});
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

TEST(InstanceMonitorTest, TellsRequestsAndEventsASecondAlsoAcrossAMove) {
  InstanceMonitor monitor;
  const auto look = [&](int second, const char* where, std::uint64_t total) {
    TenantStats told = stats("a", 1, total);
    told.events_total = 3 * total;
    monitor.ingest(kStart + second * 1s, report(where, 0s, {told}));
    return monitor.tenants().at(tenant("a"));
  };

  EXPECT_FALSE(look(0, "shared-0", 100).events_per_s) << "nobody knows since when";
  EXPECT_EQ(look(5, "shared-0", 110).requests_per_s, 2.0);
  EXPECT_EQ(look(10, "shared-0", 120).events_per_s, 6.0);
  EXPECT_EQ(look(15, "dedicated-a", 125).events_per_s, 3.0) << "it takes them along";
  EXPECT_FALSE(look(20, "dedicated-a", 3).events_per_s) << "counted anew";
}

TEST(InstanceMonitorTest, TellsWhatTotalsCameToAlsoAcrossAMove) {
  InstanceMonitor monitor;
  const auto look = [&](int second, const char* where, std::uint64_t requests,
                        std::uint64_t received, Duration used) {
    TenantStats told = stats("a", 1, requests);
    told.events_total = 2 * requests;
    told.received = received;
    told.processor_time = used;
    monitor.ingest(kStart + second * 1s, report(where, 0s, {told}));
    return monitor.tenants().at(tenant("a")).gained;
  };

  EXPECT_FALSE(look(0, "shared-0", 100, 1000, 1s)) << "nobody knows since when";
  const auto first = look(5, "shared-0", 110, 1500, 3s);
  EXPECT_EQ(first->requests, 10U);
  EXPECT_EQ(first->events, 20U);
  EXPECT_EQ(first->received, 500U);
  EXPECT_EQ(first->processor_time, 2s);

  const auto moved = look(10, "dedicated-a", 115, 2000, 4s);
  EXPECT_EQ(moved->requests, 5U) << "it takes them along";
  EXPECT_EQ(moved->received, 2000U) << "counted anew there";
  EXPECT_EQ(moved->processor_time, 4s);

  const auto anew = look(15, "dedicated-a", 3, 10, 1s);
  EXPECT_EQ(anew->requests, 3U) << "its instance has begun again";
  EXPECT_EQ(anew->processor_time, 1s);
}

TEST(InstanceMonitorTest, AnOldPageThatComesLateCountsNoHours) {
  InstanceMonitor monitor;
  const auto look = [&](Duration at, const char* where, std::uint64_t total, Duration used) {
    TenantStats told = stats("a", 1, total);
    told.events_total = told.received = told.sent = total;
    told.processor_time = used;
    monitor.ingest(kStart + at, report(where, 0s, {told}));
    return monitor.tenants().at(tenant("a")).gained;
  };
  look(0s, "shared-0", 100'000, 3599s);
  look(5s, "shared-1", 100'010, 1s);

  // What the instance that had it before had said meanwhile.
  const auto late = look(5s + 10ms, "shared-0", 100'005, 3600s);

  EXPECT_LE(late->processor_time, 10ms);
  EXPECT_EQ(late->requests, 0U);
  EXPECT_EQ(late->events, 0U);
  EXPECT_EQ(late->received, 0U);
  EXPECT_EQ(late->sent, 0U);
  EXPECT_LE(look(10s, "shared-1", 100'020, 2s)->processor_time, 5s);
}

TEST(InstanceMonitorTest, RequestsOfWhoeverMovesAreCountedHoweverSoonTheNewInstanceTells) {
  InstanceMonitor monitor;
  TenantStats told = stats("a", 1, 100);
  told.processor_time = 1s;
  monitor.ingest(kStart, report("shared-0", 0s, {told}));
  told.requests_total = told.events_total = 130;
  told.processor_time = 40ms;  // what it took to take it

  monitor.ingest(kStart + 10ms, report("shared-1", 0s, {told}));

  const auto gained = monitor.tenants().at(tenant("a")).gained;
  EXPECT_EQ(gained->requests, 30U);
  EXPECT_EQ(gained->events, 130U);
  EXPECT_EQ(gained->processor_time, 10ms);
}

TEST(InstanceMonitorTest, GivesTenantsTheirShareBySessionsWhenNobodyAsked) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 0s, {stats("a", 1, 100), stats("b", 3, 100)}));

  monitor.ingest(kStart + 5s, report("shared-0", 1s, {stats("a", 1, 100), stats("b", 3, 100)}));

  EXPECT_EQ(monitor.tenants().at(tenant("a")).cpu, MilliCpu{50});
  EXPECT_EQ(monitor.tenants().at(tenant("b")).cpu, MilliCpu{150});
}

TenantStats counted(std::string_view name, Duration processor_time, Duration latency) {
  TenantStats out = stats(name, 1, 100);
  out.processor_time = processor_time;
  out.in_flight = 2;
  out.latency.emplace();
  out.latency->record(latency);
  return out;
}

TEST(InstanceMonitorTest, TakesAnInstancesWordForWhatATenantHasUsed) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 0s, {counted("a", 1s, 1ms), stats("b", 9, 100)}));

  monitor.ingest(kStart + 5s,
                 report("shared-0", 4s, {counted("a", 3500ms, 1ms), stats("b", 9, 125)}));

  EXPECT_EQ(monitor.tenants().at(tenant("a")).cpu, MilliCpu{500});
  EXPECT_EQ(monitor.tenants().at(tenant("b")).cpu, MilliCpu{800}) << "estimated: it does not count";
}

TEST(InstanceMonitorTest, SeesNoRateAcrossAMove) {
  InstanceMonitor monitor;
  monitor.ingest(kStart, report("shared-0", 0s, {counted("a", 1s, 1ms)}));

  monitor.ingest(kStart + 5s, report("shared-1", 0s, {counted("a", 2s, 1ms)}));

  EXPECT_EQ(monitor.tenants().at(tenant("a")).cpu, std::nullopt);
}

TEST(InstanceMonitorTest, ShowsTheLatencyOfAboutTheLastMinute) {
  InstanceMonitor monitor;
  const auto p99_at = [&](Duration after, Duration latency) {
    monitor.ingest(kStart + after, report("shared-0", 0s, {counted("a", 0s, latency)}));
    return monitor.tenants().at(tenant("a")).latency->quantile_us(0.99);
  };

  EXPECT_GE(p99_at(0s, 500ms), 500'000U);
  EXPECT_GE(p99_at(30s, 1ms), 500'000U);
  EXPECT_LT(p99_at(60s, 1ms), 2'000U);
}

TEST(InstanceMonitorTest, ShowsHowLateALoopWas) {
  InstanceMonitor monitor;
  InstanceReport late = report("shared-0", 0s, {});
  late.loop_lag.emplace();
  late.loop_lag->record(80ms);
  monitor.ingest(kStart, late);

  EXPECT_EQ(monitor.instances().at(instance("shared-0")).loop_lag_us, 80'000U);
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

TEST_F(DecisionTest, IsNotHeldUpByAMoveWithinThePool) {
  run(10s, 3, "shared-0");
  EXPECT_EQ(run(65s, 25, "shared-1"), "promote after 1m10s; ");
}

TEST_F(DecisionTest, IsNotHeldUpByAMoveWithinThePoolThatFailed) {
  run(10s, 3, "shared-0");
  monitor_.note_attempt(now_, tenant("acme"), Attempted::kPool);
  EXPECT_EQ(run(65s, 25, "shared-0"), "promote after 1m10s; ");
}

TEST_F(DecisionTest, StillWaitsForTheCooldownWhenTheInstanceWasAwayMeanwhile) {
  run(65s, 25, "shared-0");
  run(5s, 1, "dedicated-acme");
  now_ += 25s;
  monitor_.forget_older_than(now_, 20s);

  EXPECT_EQ(run(400s, 1, "dedicated-acme"), "demote after 6m05s; ");
}

TEST_F(DecisionTest, ComesTrueAlsoAfterADwellOfMoreThanAnHour) {
  PromotionPolicy policy = a_policy();
  policy.low_dwell = 70min;
  monitor_.set_policy(policy);
  run(5s, 25, "shared-0");

  EXPECT_EQ(run(80min, 1, "dedicated-acme"), "demote after 1h10m; ");
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

TEST_F(DecisionTest, MoversAreThoseWhoAreJudgedToMove) {
  PromotionPolicy policy = a_policy();
  policy.max_promoted = 2;
  policy.moves_per_minute = 3;
  monitor_.set_policy(policy);
  Snapshot recorded = placed("quiet", "shared-0");
  std::vector<TenantStats> told{stats("quiet", 1, 0)};
  for (const char* const busy : {"busy", "busier", "busiest", "tried"}) {
    recorded.tenants.merge(placed(busy, "shared-0").tenants);
    told.push_back(stats(busy, 20 + told.size(), 0));
  }
  std::set<std::string> moved;
  for (int i = 0; i < 60; ++i, now_ += kSampleInterval) {
    monitor_.ingest(now_, report("shared-0", 0s, told));
    if (i == 10) {
      monitor_.note_attempt(now_, tenant("tried"));
    }
    std::vector<std::string> judged;
    for (const PromotionDecision& decision : monitor_.judge(now_, recorded)) {
      if (decision.kind) {
        judged.push_back(decision.tenant.str() + ": " + decision.reason);
      }
    }
    std::vector<std::string> found;
    const std::vector<PromotionDecision> movers = monitor_.movers(now_, recorded);
    for (const PromotionDecision& decision : movers) {
      found.push_back(decision.tenant.str() + ": " + decision.reason);
      moved.insert(decision.tenant.str());
    }
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, judged) << "after " << i;
    EXPECT_TRUE(std::is_sorted(
        movers.begin(), movers.end(),
        [](const auto& a, const auto& b) { return goes_before(candidate_of(a), candidate_of(b)); }))
        << "after " << i;
  }
  EXPECT_EQ(moved, (std::set<std::string>{"busier", "busiest", "tried"}));
}

TEST_F(DecisionTest, GoesOnWithACooldownThatAnotherMonitorBegan) {
  monitor_.recall_move(tenant("acme"), now_ - 100s);

  EXPECT_EQ(run(300s, 25, "shared-0"), "promote after 3m20s; ");
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
