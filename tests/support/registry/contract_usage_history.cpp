// SPDX-License-Identifier: Apache-2.0
// What every registry promises of what processes and the host used.
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// 2026-11-21 11:00, a whole hour.
constexpr WallTime kUsageBegin{std::chrono::milliseconds(1'795'258'800'000)};

UsageRow usage_of(const UsageSubject& subject, std::uint64_t memory) {
  UsageRow out{.subject = subject, .processor_time = 1500ms, .most_cpu = MilliCpu{40}};
  out[UsageMeasure::kMemory] = memory;
  return out;
}

/// Every measure has another value.
UsageRow full_usage(const UsageSubject& subject) {
  UsageRow out = usage_of(subject, 0);
  for (std::size_t i = 0; i < kUsageMeasures; ++i) {
    out.most[i] = 1000 + i;
  }
  return out;
}

const UsageSubject kHost = std::nullopt;
const UsageSubject kShared = *InstanceId::parse("shared-0");

void append_usage(Registry& registry, WallTime at, const std::vector<UsageRow>& usage) {
  ASSERT_THAT(registry.append_load(at, 60s, {}, usage), IsOk());
}

std::vector<WatchedUsage> usage_points(Registry& registry,
                                       const UsageSubject& subject,
                                       LoadStep step) {
  const auto read = registry.read_usage(subject, step, kUsageBegin, kUsageBegin + 24h * 30);
  EXPECT_THAT(read, IsOk());
  return *read;
}

TEST_P(RegistryContract, KeepsAMinuteOfProcessesAndTheHostWithAllThatIsSaidOfThem) {
  append_usage(*registry_, kUsageBegin + 5min + 7s, {full_usage(kHost), full_usage(kShared)});

  reopen();

  for (const UsageSubject& subject : {kHost, kShared}) {
    EXPECT_THAT(usage_points(*registry_, subject, LoadStep::kMinute),
                ElementsAre(WatchedUsage{kUsageBegin + 5min, 60s, full_usage(subject)}));
    EXPECT_THAT(usage_points(*registry_, subject, LoadStep::kHour),
                ElementsAre(WatchedUsage{kUsageBegin, 60s, full_usage(subject)}));
  }
}

TEST_P(RegistryContract, KeepsWhatWasNotToldOfAProcess) {
  append_usage(*registry_, kUsageBegin, {usage_of(kShared, 7)});

  EXPECT_THAT(usage_points(*registry_, kShared, LoadStep::kMinute),
              ElementsAre(Field(&WatchedUsage::row, usage_of(kShared, 7))));
  EXPECT_THAT(usage_points(*registry_, kHost, LoadStep::kMinute),
              ElementsAre(Field(&WatchedUsage::row, Eq(std::nullopt))));
}

TEST_P(RegistryContract, AddsUsageUpInCoarserSteps) {
  UsageRow more = usage_of(kShared, 9);
  more.most_cpu = MilliCpu{90};
  more[UsageMeasure::kThreads] = 3;
  append_usage(*registry_, kUsageBegin + 8min, {more});
  append_usage(*registry_, kUsageBegin + 9min, {usage_of(kShared, 5)});
  append_usage(*registry_, kUsageBegin + 10min, {usage_of(kShared, 1)});

  const std::vector<WatchedUsage> tens = usage_points(*registry_, kShared, LoadStep::kTenMinutes);
  ASSERT_THAT(tens, SizeIs(2));
  ASSERT_TRUE(tens.front().row.has_value());
  const UsageRow sum = *tens.front().row;
  EXPECT_EQ(sum.processor_time, 3s);
  EXPECT_EQ(sum.most_cpu, MilliCpu{90});
  EXPECT_EQ(sum[UsageMeasure::kMemory], 9U) << "the most";
  EXPECT_EQ(sum[UsageMeasure::kThreads], 3U) << "told once";
  EXPECT_EQ(sum[UsageMeasure::kLoad], std::nullopt);
  EXPECT_EQ(usage_points(*registry_, kShared, LoadStep::kHour).front().row->processor_time, 4500ms);
}

TEST_P(RegistryContract, ATenantThatIsForgottenTakesTheUsageOfItsOwnInstancesAlong) {
  const UsageSubject own = *InstanceId::parse("dedicated-acme");
  const UsageSubject next = *InstanceId::parse("dedicated2-acme");
  const UsageSubject other = *InstanceId::parse("dedicated-big-acme");
  append_usage(*registry_, kUsageBegin,
               {usage_of(own, 1), usage_of(next, 1), usage_of(other, 1), usage_of(kHost, 1)});

  ASSERT_THAT(registry_->forget_tenant(*TenantId::parse("acme")), IsOk());

  ASSERT_THAT(registry_->forget_tenant(*TenantId::parse(std::string(53, 'a'))), IsOk())
      << "the longest name";

  for (const UsageSubject& gone : {own, next}) {
    EXPECT_THAT(usage_points(*registry_, gone, LoadStep::kHour),
                ElementsAre(Field(&WatchedUsage::row, Eq(std::nullopt))));
  }
  for (const UsageSubject& kept : {other, kHost}) {
    EXPECT_THAT(usage_points(*registry_, kept, LoadStep::kMinute),
                ElementsAre(Field(&WatchedUsage::row, usage_of(kept, 1))));
  }
}

TEST_P(RegistryContract, KeepsUsageAsLongAsItsSteps) {
  for (int i = 0; i < 185; ++i) {
    append_usage(*registry_, kUsageBegin + i * 1min, {usage_of(kHost, 1)});
  }
  EXPECT_THAT(usage_points(*registry_, kHost, LoadStep::kMinute), SizeIs(180));

  ASSERT_THAT(registry_->drop_old_load(kUsageBegin + 24h * 30), IsOk());
  append_usage(*registry_, kUsageBegin, {});

  EXPECT_THAT(usage_points(*registry_, kHost, LoadStep::kMinute),
              ElementsAre(Field(&WatchedUsage::row, Eq(std::nullopt))))
      << "what was dropped does not come back under a number that is given anew";
  EXPECT_THAT(
      *registry_->read_usage(kHost, LoadStep::kMinute, kUsageBegin + 1min, kUsageBegin + 24h * 30),
      IsEmpty());
}

}  // namespace
}  // namespace voicectl
