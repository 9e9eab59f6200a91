// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_historian.h"

#include <gmock/gmock.h>

#include "provisioner/plan/instance_names.h"
#include "tests/support/keeping_sink.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kBegin = SimWallClock::kStart;
constexpr WallTime kLongAgo{0ms};
constexpr WallTime kFar{std::chrono::milliseconds(4'102'444'800'000)};

/// A machine that is told what it does.
class ToldHost final : public HostSource {
 public:
  HostUsage sample() override {
    ++looks;
    return usage;
  }
  HostUsage usage;
  int looks = 0;
};

class LoadHistorianTest : public ::testing::Test {
 protected:
  LoadHistorianTest() { historian.turn(); }

  static Snapshot two_tenants() {
    return settled(a_desired_state({a_tenant("acme"), a_tenant("beta")}));
  }
  static std::shared_ptr<RegistryStore> a_store() {
    auto out = std::make_shared<RegistryStore>();
    out->recorded = two_tenants();
    return out;
  }
  void set_mode(PromotionMode mode) {
    RecordedChange change;
    change.platform = recorded.snapshot().platform;
    change.platform->monitor.mode = mode;
    recorded.acknowledge(change, {});
  }
  /// It is deleted, and another one of that name is made.
  void make_acme_again() {
    RecordedChange made;
    made.put_tenants.push_back(*recorded.find_tenant(acme.tenant));
    made.put_tenants.front().created_at = wall.now();
    RecordedChange gone;
    gone.drop_tenants.push_back(acme.tenant);
    recorded.acknowledge(gone, {});
    recorded.acknowledge(made, {});
    acme = TenantStats{acme.tenant};
    acme.processor_time = 0s;
  }
  /// Five seconds in which acme answers `requests`, each within 20 ms.
  void round(std::uint64_t requests, std::uint64_t sessions = 0) {
    sim.advance(5s);
    historian.turn();
    acme.requests_total += requests;
    acme.events_total += 2 * requests;
    acme.received += 10 * requests;
    acme.sent += 20 * requests;
    acme.processor_time = *acme.processor_time + requests * 1ms;
    acme.sessions = sessions;
    acme.latency = LatencyHistogram();
    for (std::uint64_t i = 0; i < requests; ++i) {
      acme.latency->record(20ms);
    }
    const InstanceReport report{home, process, {acme, beta}};
    monitor.ingest(sim.now(), report);
    historian.hear(report);
    sim.settle();
  }
  void rounds(int count, std::uint64_t requests) {
    for (int i = 0; i < count; ++i) {
      round(requests);
    }
  }
  std::vector<WatchedStep> minutes(const char* tenant = "acme") {
    return *registry->read_load(*TenantId::parse(tenant), LoadStep::kMinute, kLongAgo, kFar);
  }

  std::vector<WatchedUsage> usage_of(const UsageSubject& subject,
                                     LoadStep step = LoadStep::kMinute) {
    return *registry->read_usage(subject, step, kLongAgo, kFar);
  }
  /// Rounds in each of which the process uses that much time.
  void busy_rounds(int count, Duration used) {
    for (int i = 0; i < count; ++i) {
      process->cpu_time += used;
      round(0);
    }
  }

  SimReactor sim;
  SimOffload offload{sim};
  SimWallClock wall{sim};
  std::shared_ptr<RegistryStore> store = a_store();
  std::unique_ptr<Registry> registry = open_memory_registry(store);
  RegistryQueue queue{*registry, offload};
  RecordedState recorded{two_tenants()};
  InstanceMonitor monitor;
  KeepingSink sink;
  Log log{sink, wall};
  ToldHost host;
  std::optional<ProcessUsage> process{};
  LoadHistorian historian{{sim, wall, queue, monitor, recorded, log, host}};
  InstanceId home = *InstanceId::parse("shared-0");
  TenantStats acme = [] {
    TenantStats out{*TenantId::parse("acme")};
    out.processor_time = 0s;
    out.memory = Bytes{4096};
    return out;
  }();
  TenantStats beta{*TenantId::parse("beta")};
};

TEST_F(LoadHistorianTest, WritesAMinuteWhenTheNextOneHasBegun) {
  round(100);  // nobody knows since when
  round(2, 3);
  round(4, 1);
  rounds(8, 0);
  EXPECT_THAT(minutes(), IsEmpty());
  round(0);

  ASSERT_THAT(minutes(), SizeIs(1));
  EXPECT_EQ(minutes().front().at, kBegin);
  EXPECT_EQ(minutes().front().watched, 60s);
  const LoadRow row = *minutes().front().row;
  EXPECT_EQ(row.instance, home);
  EXPECT_EQ(row.sessions, 3U);
  EXPECT_EQ(row.requests, 6U);
  EXPECT_EQ(row.events, 12U);
  EXPECT_EQ(row.received, 60U);
  EXPECT_EQ(row.sent, 120U);
  EXPECT_EQ(row.processor_time, 6ms);
  EXPECT_EQ(row.memory, Bytes{4096});
  EXPECT_EQ(unpack_latency(row.latency).count(), 6U) << "as many as were counted";
  EXPECT_THAT(minutes("beta"), ElementsAre(Field(&WatchedStep::row, std::nullopt)))
      << "it had nothing, and was watched";
}

TEST_F(LoadHistorianTest, WritesWhatTheProcessUsed) {
  process = ProcessUsage{100s, Bytes{1 << 20}, 3, 41};
  process->proportional = Bytes{1 << 19};
  busy_rounds(6, 1s);
  process->memory = Bytes{1 << 10};
  process->descriptors = std::nullopt;
  busy_rounds(6, 2s);

  ASSERT_THAT(usage_of(home), SizeIs(1));
  const WatchedUsage minute = usage_of(home).front();
  EXPECT_EQ(minute.at, kBegin);
  ASSERT_TRUE(minute.row.has_value());
  EXPECT_EQ(minute.row->processor_time, 15s)
      << "of eleven looks: nobody knows since when the first";
  EXPECT_EQ(minute.row->most_cpu, MilliCpu{400});
  EXPECT_EQ((*minute.row)[UsageMeasure::kMemory], 1U << 20) << "the most";
  EXPECT_EQ((*minute.row)[UsageMeasure::kProportional], 1U << 19);
  EXPECT_EQ((*minute.row)[UsageMeasure::kThreads], 3U);
  EXPECT_EQ((*minute.row)[UsageMeasure::kDescriptors], 41U);
  EXPECT_EQ((*minute.row)[UsageMeasure::kTenants], 2U);
  EXPECT_EQ((*minute.row)[UsageMeasure::kLoad], std::nullopt);
  EXPECT_EQ(usage_of(home, LoadStep::kHour).front().row, minute.row);
}

TEST_F(LoadHistorianTest, TimeOfAProcessThatIsReplacedIsCountedOnce) {
  process = ProcessUsage{100s, Bytes{1}, 1, std::nullopt};
  busy_rounds(4, 1s);
  process->cpu_time = 0s;
  busy_rounds(8, 1s);

  EXPECT_EQ(usage_of(home).front().row->processor_time, 10s);
}

TEST_F(LoadHistorianTest, LooksAtTheHostOnceAMinute) {
  host.usage = {.processors = 2,
                .load = {{1.5, 1, 1}},
                .busy = 1000s,
                .memory = Bytes{1000},
                .memory_free = Bytes{400},
                .disk = Bytes{5000},
                .disk_free = Bytes{1000}};
  rounds(13, 0);  // the first minute had begun without it
  host.usage.busy = 1030s;
  host.looks = 0;
  rounds(12, 0);

  EXPECT_EQ(host.looks, 1);
  ASSERT_THAT(usage_of({}), SizeIs(2));
  const UsageRow row = *usage_of({}).back().row;
  EXPECT_EQ(row.processor_time, 30s);
  EXPECT_EQ(row.most_cpu, MilliCpu{500});
  EXPECT_EQ(row[UsageMeasure::kLoad], 1500U);
  EXPECT_EQ(row[UsageMeasure::kMemory], 600U);
  EXPECT_EQ(row[UsageMeasure::kMemorySize], 1000U);
  EXPECT_EQ(row[UsageMeasure::kDisk], 4000U);
  EXPECT_EQ(row[UsageMeasure::kDiskSize], 5000U);
}

TEST_F(LoadHistorianTest, AHostThatTellsNothingHasNoRow) {
  rounds(13, 0);

  EXPECT_THAT(usage_of({}), ElementsAre(Field(&WatchedUsage::row, std::nullopt)));
}

TEST_F(LoadHistorianTest, WhatIsUsedWhileTheMonitorIsOffIsOfNoMinute) {
  process = ProcessUsage{100s, Bytes{1}, 1, std::nullopt};
  busy_rounds(6, 1s);
  set_mode(PromotionMode::kOff);
  busy_rounds(24, 1s);
  set_mode(PromotionMode::kOn);
  busy_rounds(13, 1s);

  std::chrono::microseconds used{0};
  for (const WatchedUsage& point : usage_of(home)) {
    used += point.row ? point.row->processor_time : 0us;
  }
  EXPECT_EQ(used, 9s) << "five before, four after";
}

TEST_F(LoadHistorianTest, WhatAMoveTakesAlongIsCountedOnce) {
  round(1);
  round(10);
  home = *InstanceId::parse("dedicated-acme");
  // Counted anew there, but for requests and events.
  acme.received = acme.sent = 0;
  acme.processor_time = 0s;
  round(5);
  rounds(9, 0);

  const LoadRow row = *minutes().front().row;
  EXPECT_EQ(row.instance.str(), "dedicated-acme");
  EXPECT_EQ(row.requests, 15U);
  EXPECT_EQ(row.events, 30U);
  EXPECT_EQ(row.received, 150U);
  EXPECT_EQ(row.processor_time, 15ms);
}

TEST_F(LoadHistorianTest, WritesNothingWhileTheMonitorIsOff) {
  round(1);
  round(7);
  set_mode(PromotionMode::kOff);
  rounds(60, 5);

  ASSERT_THAT(minutes(), SizeIs(1)) << "the one that had begun";
  EXPECT_EQ(minutes().front().row->requests, 7U);
  EXPECT_EQ(minutes().front().watched, 15s);

  set_mode(PromotionMode::kObserve);
  rounds(13, 1);
  EXPECT_EQ(minutes().back().at, kBegin + 5min);
}

TEST_F(LoadHistorianTest, TriesAgainWhatCouldNotBeWritten) {
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  rounds(36, 1);
  EXPECT_THAT(minutes(), IsEmpty());
  EXPECT_THAT(sink.lines, SizeIs(1)) << "it is said once";

  store->failure.reset();
  rounds(12, 1);

  ASSERT_THAT(minutes(), SizeIs(4));
  EXPECT_EQ(minutes()[1].row->requests, 12U);
}

TEST_F(LoadHistorianTest, ForgetsTheOldestOfWhatCanNotBeWrittenForLong) {
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  rounds(12 * 15, 1);

  store->failure.reset();
  rounds(12, 1);

  EXPECT_THAT(minutes(), SizeIs(LoadHistorian::kWaiting));
  EXPECT_EQ(minutes().back().at, kBegin + 15min);
}

TEST_F(LoadHistorianTest, AClockThatJumpsLosesAndDoublesNothing) {
  round(0);
  rounds(6, 1);
  wall.jump(3h);
  rounds(6, 1);
  wall.jump(-3h);
  rounds(6, 1);
  wall.jump(-1min);
  rounds(12, 1);
  rounds(13, 0);

  std::uint64_t requests = 0;
  std::chrono::milliseconds watched{0};
  for (const WatchedStep& point : minutes()) {
    requests += point.row ? point.row->requests : 0;
    watched += point.watched;
  }
  EXPECT_EQ(requests, 30U);
  EXPECT_LE(watched, 220s);
  EXPECT_GT(watched, 220s - 60s);
}

TEST_F(LoadHistorianTest, ATenantThatIsMadeAgainWithinTheMinuteBeginsAnew) {
  round(1);
  rounds(2, 100);
  make_acme_again();
  round(1);
  round(3);
  rounds(8, 0);

  ASSERT_THAT(minutes(), SizeIs(1));
  ASSERT_TRUE(minutes().front().row);
  EXPECT_EQ(minutes().front().row->requests, 4U);
  EXPECT_EQ(unpack_latency(minutes().front().row->latency).count(), 4U);
}

TEST_F(LoadHistorianTest, WhatWaitsToBeWrittenIsOfTheTenantThatWasDeleted) {
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  rounds(14, 5);
  make_acme_again();
  store->failure.reset();
  rounds(12, 0);

  ASSERT_THAT(minutes(), SizeIs(2));
  EXPECT_EQ(minutes()[0].row, std::nullopt);
  EXPECT_EQ(minutes()[0].watched, 60s) << "that it was watched is as true as before";
  EXPECT_EQ(minutes()[1].row, std::nullopt);
}

TEST_F(LoadHistorianTest, WhatTheInstanceOfADeletedTenantUsedIsNotWrittenAnyMore) {
  home = dedicated_instance_name(acme.tenant, 1);
  process = ProcessUsage{100s, Bytes{1}, 1, std::nullopt};
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  busy_rounds(14, 1s);
  make_acme_again();
  home = *InstanceId::parse("shared-0");
  store->failure.reset();
  busy_rounds(12, 1s);

  ASSERT_THAT(usage_of(dedicated_instance_name(acme.tenant, 1)), SizeIs(2));
  EXPECT_EQ(usage_of(dedicated_instance_name(acme.tenant, 1))[0].row, std::nullopt);
  EXPECT_NE(usage_of(home)[1].row, std::nullopt) << "the others' is";
}

TEST_F(LoadHistorianTest, DropsWhatIsKeptNoLongerAlsoWhileTheMonitorIsOff) {
  rounds(25, 1);
  set_mode(PromotionMode::kOff);
  rounds(12, 1);
  ASSERT_THAT(minutes(), SizeIs(3));

  sim.advance(4h);
  historian.turn();
  sim.settle();

  EXPECT_THAT(minutes(), IsEmpty());
  EXPECT_THAT(*registry->read_load(*TenantId::parse("acme"), LoadStep::kHour, kLongAgo, kFar),
              SizeIs(1))
      << "it is kept for two weeks";
}

}  // namespace
}  // namespace voicectl
