// SPDX-License-Identifier: Apache-2.0
// What writing down the load of 1,000 tenants costs each minute, and what it takes on the disk.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

#include "base/os/work_account.h"
#include "provisioner/registry/sqlite_registry.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

constexpr int kTenants = 1'000;
constexpr WallTime kHour{std::chrono::milliseconds(1'795'258'800'000)};

TenantId tenant(int number) {
  return *TenantId::parse("tenant-" + std::to_string(100'000 + number));
}

/// Every tenant with some hundred requests, a tail of slow ones among them.
std::vector<LoadRow> busy_minute(std::mt19937& random) {
  std::vector<LoadRow> out;
  std::lognormal_distribution<double> length(2.5, 0.8);
  for (int i = 0; i < kTenants; ++i) {
    LatencyHistogram latency;
    const int requests = 100 + static_cast<int>(random() % 400);
    for (int n = 0; n < requests; ++n) {
      latency.record(std::chrono::microseconds(static_cast<std::int64_t>(1000 * length(random))));
    }
    out.push_back(LoadRow{.tenant = tenant(i),
                          .instance = *InstanceId::parse("shared-" + std::to_string(i % 10)),
                          .sessions = random() % 50,
                          .requests = static_cast<std::uint64_t>(requests),
                          .events = random() % 2'000,
                          .processor_time = std::chrono::microseconds(random() % 6'000'000),
                          .most_cpu = MilliCpu{static_cast<std::uint32_t>(random() % 1'000)},
                          .received = random() % 1'000'000,
                          .sent = random() % 5'000'000,
                          .memory = Bytes{random() % 10'000'000},
                          .latency = pack_latency(latency)});
  }
  return out;
}

/// And of their host.
std::vector<UsageRow> usage_of_a_hundred_instances() {
  std::vector<UsageRow> out = {UsageRow{}};
  for (int i = 0; i < 100; ++i) {
    out.push_back(UsageRow{.subject = *InstanceId::parse("shared-" + std::to_string(i))});
  }
  for (UsageRow& row : out) {
    row.processor_time = std::chrono::seconds(1);
    for (std::optional<std::uint64_t>& most : row.most) {
      most = 1 << 20;
    }
  }
  return out;
}

class LoadHistoryBench : public ::testing::Test {
 protected:
  LoadHistoryBench() {
    registry = *open_sqlite_registry(folder.path("registry.db"));
    RecordedChange change;
    for (int i = 0; i < kTenants; ++i) {
      change.put_tenants.push_back(a_recorded_tenant(tenant(i).str()));
    }
    const auto numbers = registry->open_actions({an_intent("k")});
    EXPECT_THAT(
        registry->close_actions({ClosedAction{numbers->front(), JournalState::kDone, "", change}}),
        IsOk());
  }
  double file_mib() const {
    struct stat facts {};
    return ::stat(folder.path("registry.db").c_str(), &facts) == 0
               ? static_cast<double>(facts.st_size) / (1 << 20)
               : -1;
  }

  TempDir folder;
  std::unique_ptr<Registry> registry;
};

struct Took {
  double wall_ms;
  double processor_ms;
};

template <typename Work>
Took measured(const Work& work) {
  const Duration used = thread_processor_time();
  const auto begin = std::chrono::steady_clock::now();
  work();
  return {
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count(),
      std::chrono::duration<double, std::milli>(thread_processor_time() - used).count()};
}

TEST_F(LoadHistoryBench, AMinuteOfAThousandBusyTenants) {
  std::mt19937 random(7);
  std::vector<std::vector<LoadRow>> minutes;
  for (int i = 0; i < 10; ++i) {
    minutes.push_back(busy_minute(random));
  }
  const std::vector<UsageRow> usage = usage_of_a_hundred_instances();
  const double empty = file_mib();
  // One minute of each hour: afterwards everything is kept that can be.
  WallTime at = kHour;
  for (std::size_t hour = 0; hour < kept_of(LoadStep::kHour); ++hour, at += 1h) {
    ASSERT_THAT(registry->append_load(at, 60s, minutes[hour % minutes.size()], usage), IsOk());
  }
  std::vector<Took> took;
  for (std::size_t i = 0; i < 120; ++i, at += 1min) {
    took.push_back(measured([&] {
      ASSERT_THAT(registry->append_load(at, 60s, minutes[i % minutes.size()], usage), IsOk());
    }));
  }
  std::sort(took.begin(), took.end(), [](Took a, Took b) { return a.wall_ms < b.wall_ms; });
  std::printf("  a minute: median %.1f ms (%.1f ms of it processor time), most %.1f ms\n",
              took[took.size() / 2].wall_ms, took[took.size() / 2].processor_ms,
              took.back().wall_ms);
  const Took idle =
      measured([&] { ASSERT_THAT(registry->append_load(at, 60s, {}, usage), IsOk()); });
  std::printf("  a minute in which nobody had anything: %.1f ms\n", idle.wall_ms);
  const Took read = measured(
      [&] { ASSERT_THAT(registry->read_load(tenant(500), LoadStep::kHour, kHour, at), IsOk()); });
  std::printf("  reading the two weeks of a tenant: %.1f ms\n", read.wall_ms);
  const Took opened = measured([&] {
    registry.reset();
    registry = *open_sqlite_registry(folder.path("registry.db"));
  });
  std::printf("  opening it again, every page checked: %.1f ms\n", opened.wall_ms);
  const Took forgotten =
      measured([&] { ASSERT_THAT(registry->forget_tenant(tenant(500)), IsOk()); });
  std::printf("  forgetting a tenant: %.1f ms\n", forgotten.wall_ms);
  std::printf("  on disk, of 1,000 tenants that are busy all the time: %.1f MiB\n",
              file_mib() - empty);
}

}  // namespace
}  // namespace voicectl
