// SPDX-License-Identifier: Apache-2.0
// What every registry promises of the load of tenants.
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

/// 2026-11-21 11:00, a whole hour.
constexpr WallTime kHour{std::chrono::milliseconds(1'795'258'800'000)};
static_assert(kHour.time_since_epoch() % 1h == 0ms);
constexpr WallTime kLongAgo{0ms};
constexpr WallTime kFar{std::chrono::milliseconds(4'102'444'800'000)};

TenantId named(std::string_view slug) {
  return *TenantId::parse(slug);
}

LatencyHistogram taking(Duration length, int times) {
  LatencyHistogram out;
  for (int i = 0; i < times; ++i) {
    out.record(length);
  }
  return out;
}

LoadRow a_row(std::string_view slug, std::uint64_t requests = 10) {
  return LoadRow{.tenant = named(slug),
                 .instance = *InstanceId::parse("shared-0"),
                 .sessions = 3,
                 .requests = requests,
                 .events = 7,
                 .processor_time = 1500ms,
                 .most_cpu = MilliCpu{40},
                 .received = 1000,
                 .sent = 2000,
                 .memory = Bytes{1 << 20},
                 .latency = pack_latency(taking(20ms, 10))};
}

void record_change(Registry& registry, RecordedChange change) {
  const auto numbers = registry.open_actions({an_intent("k")});
  ASSERT_THAT(numbers, IsOk());
  ASSERT_THAT(registry.close_actions(
                  {ClosedAction{numbers->front(), JournalState::kDone, "", std::move(change)}}),
              IsOk());
}

void record_tenants(Registry& registry, const std::vector<std::string>& slugs) {
  RecordedChange change;
  for (const std::string& slug : slugs) {
    change.put_tenants.push_back(a_recorded_tenant(slug));
  }
  record_change(registry, std::move(change));
}

void append(Registry& registry, WallTime at, const std::vector<LoadRow>& rows) {
  ASSERT_THAT(registry.append_load(at, 50s, rows, {}), IsOk());
}

std::vector<WatchedStep> points(Registry& registry,
                                std::string_view slug,
                                LoadStep step,
                                WallTime from = kLongAgo,
                                WallTime until = kFar) {
  const auto read = registry.read_load(named(slug), step, from, until);
  EXPECT_THAT(read, IsOk());
  return *read;
}

LoadRow only_row(Registry& registry, std::string_view slug, LoadStep step) {
  const std::vector<WatchedStep> read = points(registry, slug, step);
  EXPECT_THAT(read, SizeIs(1));
  return read.size() == 1 && read.front().row ? *read.front().row : a_row("none", 0);
}

TEST_P(RegistryContract, KeepsAMinuteWithAllThatIsSaidOfIt) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour + 5min + 17s, {a_row("acme")});

  reopen();

  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute),
              ElementsAre(WatchedStep{kHour + 5min, 50s, a_row("acme")}));
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kTenMinutes),
              ElementsAre(WatchedStep{kHour, 50s, a_row("acme")}));
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kHour),
              ElementsAre(WatchedStep{kHour, 50s, a_row("acme")}));
}

TEST_P(RegistryContract, KeepsWhatWasNotTold) {
  record_tenants(*registry_, {"acme", "beta"});
  LoadRow row = a_row("acme");
  row.memory = std::nullopt;
  row.latency.clear();
  append(*registry_, kHour, {row});

  EXPECT_EQ(only_row(*registry_, "acme", LoadStep::kMinute), row);
}

TEST_P(RegistryContract, TellsWhoHadNothingFromATimeInWhichNobodyLooked) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme")});
  append(*registry_, kHour + 2min, {});

  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute),
              ElementsAre(Field(&WatchedStep::at, kHour),
                          AllOf(Field(&WatchedStep::at, kHour + 2min),
                                Field(&WatchedStep::row, Eq(std::nullopt)))));
  EXPECT_THAT(points(*registry_, "beta", LoadStep::kMinute), SizeIs(2));
}

TEST_P(RegistryContract, AddsMinutesUpInCoarserSteps) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour + 8min, {a_row("acme", 5)});
  LoadRow later = a_row("acme", 6);
  later.instance = *InstanceId::parse("dedicated-acme");
  later.sessions = 9;
  later.most_cpu = MilliCpu{30};
  later.memory = Bytes{1};
  append(*registry_, kHour + 9min, {later});
  append(*registry_, kHour + 10min, {a_row("acme", 100), a_row("beta", 1)});

  const std::vector<WatchedStep> tens = points(*registry_, "acme", LoadStep::kTenMinutes);
  ASSERT_THAT(tens, SizeIs(2));
  const LoadRow sum = *tens.front().row;
  EXPECT_EQ(sum.requests, 11U);
  EXPECT_EQ(sum.events, 14U);
  EXPECT_EQ(sum.processor_time, 3s);
  EXPECT_EQ(sum.received, 2000U);
  EXPECT_EQ(sum.sent, 4000U);
  EXPECT_EQ(sum.sessions, 9U) << "the most";
  EXPECT_EQ(sum.most_cpu, MilliCpu{40}) << "the most";
  EXPECT_EQ(sum.memory, Bytes{1 << 20}) << "the most";
  EXPECT_EQ(sum.instance.str(), "dedicated-acme") << "the last";
  EXPECT_EQ(tens.back().row->requests, 100U);
  EXPECT_EQ(only_row(*registry_, "acme", LoadStep::kHour).requests, 111U);
  EXPECT_EQ(only_row(*registry_, "beta", LoadStep::kHour).requests, 1U);
}

TEST_P(RegistryContract, PercentilesOfAnHourAreThoseOfItsRequests) {
  record_tenants(*registry_, {"acme", "beta"});
  LoadRow fast = a_row("acme");
  fast.latency = pack_latency(taking(10ms, 980));
  LoadRow slow = a_row("acme");
  slow.latency = pack_latency(taking(2s, 20));
  append(*registry_, kHour, {fast});
  append(*registry_, kHour + 50min, {slow});

  const LatencyHistogram all =
      unpack_latency(only_row(*registry_, "acme", LoadStep::kHour).latency);
  EXPECT_EQ(all.count(), 1000U);
  EXPECT_NEAR(static_cast<double>(all.quantile_us(0.95)), 10e3, 10e3 / 16);
  EXPECT_NEAR(static_cast<double>(all.quantile_us(0.99)), 2e6, 2e6 / 16);
}

TEST_P(RegistryContract, AMinuteThatComesAgainAddsUp) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme", 5)});
  reopen();
  append(*registry_, kHour + 59s, {a_row("acme", 6), a_row("beta", 1)});

  EXPECT_EQ(only_row(*registry_, "acme", LoadStep::kMinute).requests, 11U);
  EXPECT_EQ(only_row(*registry_, "beta", LoadStep::kMinute).requests, 1U);
  EXPECT_EQ(only_row(*registry_, "acme", LoadStep::kHour).requests, 11U);
  EXPECT_EQ(points(*registry_, "acme", LoadStep::kMinute).front().watched, 100s);
}

TEST_P(RegistryContract, ReadsFromOneTimeUntilBeforeAnother) {
  record_tenants(*registry_, {"acme", "beta"});
  for (int i = 0; i < 5; ++i) {
    append(*registry_, kHour + i * 1min, {a_row("acme", static_cast<std::uint64_t>(i))});
  }

  EXPECT_THAT(
      points(*registry_, "acme", LoadStep::kMinute, kHour + 1min, kHour + 3min),
      ElementsAre(Field(&WatchedStep::at, kHour + 1min), Field(&WatchedStep::at, kHour + 2min)));
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute, kHour + 3min, kHour + 3min), IsEmpty());
}

TEST_P(RegistryContract, KeepsMinutesForThreeHoursTensForADayAndHoursForTwoWeeks) {
  record_tenants(*registry_, {"acme", "beta"});
  // An hour here is a minute or two: the others make no difference, and nothing is by time.
  for (int hour = 0; hour < 340; ++hour) {
    append(*registry_, kHour + hour * 1h, {a_row("acme", 1)});
    if (hour == 4) {
      append(*registry_, kHour + hour * 1h + 20min, {a_row("acme", 1)});
    }
  }

  const std::vector<WatchedStep> minutes = points(*registry_, "acme", LoadStep::kMinute);
  EXPECT_THAT(minutes, SizeIs(180));
  EXPECT_EQ(minutes.back().at, kHour + 339h);
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kTenMinutes), SizeIs(144));
  const std::vector<WatchedStep> hours = points(*registry_, "acme", LoadStep::kHour);
  EXPECT_THAT(hours, SizeIs(336));
  EXPECT_EQ(hours.front().at, kHour + 4h);
  EXPECT_EQ(hours.front().row->requests, 2U);
}

TEST_P(RegistryContract, AClockThatIsWrongForAWhileTakesNothingAway) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme", 1)});
  append(*registry_, kFar - 1min, {a_row("acme", 2)});
  append(*registry_, kLongAgo, {a_row("acme", 3)});
  append(*registry_, WallTime{-90s}, {a_row("acme", 5)});
  append(*registry_, kHour + 1min, {a_row("acme", 4)});

  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute, kHour, kHour + 1h), SizeIs(2));
  EXPECT_EQ(points(*registry_, "acme", LoadStep::kHour, kHour, kHour + 1h).front().row->requests,
            5U);
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute, WallTime{-2min}, WallTime{-1min}),
              SizeIs(1));

  // What was written under the wrong time goes like everything else.
  for (int i = 2; i < 182; ++i) {
    append(*registry_, kHour + i * 1min, {});
  }
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute, kHour + 1h), SizeIs(122));
}

TEST_P(RegistryContract, TellsTheLastMinutesOfAllTenants) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme")});
  append(*registry_, kHour + 1min, {a_row("beta")});
  append(*registry_, kHour + 2min, {});
  append(*registry_, kHour + 4min, {a_row("acme"), a_row("beta")});
  append(*registry_, kHour + 6min, {a_row("acme")});

  const Result<RecentLoad> recent = registry_->read_recent_load(kHour + 6min + 30s, 5);
  ASSERT_THAT(recent, IsOk());
  EXPECT_THAT(recent->watched, ElementsAre(50s, 50s, 0s, 50s, 0s));
  EXPECT_THAT(recent->processor_time.at(named("acme")), ElementsAre(0s, 0s, 0s, 1500ms, 0s));
  EXPECT_THAT(recent->processor_time.at(named("beta")), ElementsAre(1500ms, 0s, 0s, 1500ms, 0s));
  EXPECT_THAT(registry_->read_recent_load(kHour + 6min, 100)->watched, SizeIs(6))
      << "from the first that was watched";
}

TEST_P(RegistryContract, MinutesOfYesterdayAreNotRecent) {
  record_tenants(*registry_, {"acme"});
  append(*registry_, kHour, {a_row("acme")});
  append(*registry_, kHour + 24h, {a_row("acme")});

  const Result<RecentLoad> recent = registry_->read_recent_load(kHour + 24h + 1min, 23);

  ASSERT_THAT(recent, IsOk());
  EXPECT_THAT(recent->watched, ElementsAre(50s));
  EXPECT_THAT(recent->processor_time.at(named("acme")), ElementsAre(1500ms));
  EXPECT_THAT(registry_->read_recent_load(kHour + 48h, 1'000'000)->watched, IsEmpty());
}

TEST_P(RegistryContract, DropsWhatIsOlderThanItsStepIsKept) {
  record_tenants(*registry_, {"acme"});
  append(*registry_, kHour, {a_row("acme")});
  append(*registry_, kHour + 24h, {a_row("acme")});

  ASSERT_THAT(registry_->drop_old_load(kHour + 25h), IsOk());

  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute),
              ElementsAre(Field(&WatchedStep::at, kHour + 24h)));
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kTenMinutes),
              ElementsAre(Field(&WatchedStep::at, kHour + 24h)));
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kHour), SizeIs(2));
  ASSERT_THAT(registry_->drop_old_load(kHour + 24h * 30), IsOk());
  reopen();
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kHour), IsEmpty());
}

TEST_P(RegistryContract, LeavesOutWhoIsNotRecorded) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme"), a_row("gone")});
  record_tenants(*registry_, {"gone"});

  EXPECT_THAT(points(*registry_, "gone", LoadStep::kHour),
              Each(Field(&WatchedStep::row, Eq(std::nullopt))));
  EXPECT_EQ(only_row(*registry_, "acme", LoadStep::kHour).requests, 10U);
}

TEST_P(RegistryContract, ATenantThatIsDeletedTakesItsLoadAlong) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme"), a_row("beta")});
  RecordedChange change;
  change.drop_tenants.push_back(named("acme"));
  record_change(*registry_, change);
  record_tenants(*registry_, {"acme"});

  for (const LoadStep step : kLoadSteps) {
    EXPECT_THAT(points(*registry_, "acme", step),
                ElementsAre(Field(&WatchedStep::row, Eq(std::nullopt))));
    EXPECT_THAT(points(*registry_, "beta", step),
                ElementsAre(Field(&WatchedStep::row, Optional(a_row("beta")))));
  }
}

TEST_P(RegistryContract, ManyThatAreDeletedTakeTheirLoadAlong) {
  record_tenants(*registry_, {"acme", "beta", "zeta"});
  append(*registry_, kHour, {a_row("acme"), a_row("beta"), a_row("zeta")});
  const auto numbers = registry_->open_actions({an_intent("a"), an_intent("b")});
  ASSERT_THAT(numbers, IsOk());
  std::vector<ClosedAction> closed;
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    RecordedChange change;
    change.drop_tenants.push_back(named(i == 0 ? "acme" : "zeta"));
    closed.push_back(ClosedAction{numbers->at(i), JournalState::kDone, "", std::move(change)});
  }

  ASSERT_THAT(registry_->close_actions(closed), IsOk());

  record_tenants(*registry_, {"acme", "zeta"});
  EXPECT_THAT(points(*registry_, "acme", LoadStep::kHour),
              ElementsAre(Field(&WatchedStep::row, Eq(std::nullopt))));
  EXPECT_THAT(points(*registry_, "zeta", LoadStep::kMinute),
              ElementsAre(Field(&WatchedStep::row, Eq(std::nullopt))));
  EXPECT_EQ(only_row(*registry_, "beta", LoadStep::kHour), a_row("beta"));
}

TEST_P(RegistryContract, ForgetsTheLoadOfATenant) {
  record_tenants(*registry_, {"acme", "beta"});
  append(*registry_, kHour, {a_row("acme"), a_row("beta")});

  ASSERT_THAT(registry_->forget_tenant(named("acme")), IsOk());

  EXPECT_THAT(points(*registry_, "acme", LoadStep::kMinute),
              ElementsAre(Field(&WatchedStep::row, Eq(std::nullopt))));
  EXPECT_EQ(only_row(*registry_, "beta", LoadStep::kHour), a_row("beta"));
}

}  // namespace
}  // namespace voicectl
