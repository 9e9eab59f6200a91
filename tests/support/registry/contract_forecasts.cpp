// SPDX-License-Identifier: Apache-2.0
// What every registry promises of forecasts and of how long actions took.
#include <limits>

#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();

ForecastRecord a_forecast(std::int64_t revision) {
  return ForecastRecord{.at = WallTime{std::chrono::milliseconds(1'795'251'600'123)},
                        .plan_id = "plan'); DROP TABLE forecasts --",
                        .revision = revision,
                        .is_complete = revision % 2 == 0,
                        .forecast = R"({"tenants_moved":1})",
                        .outcome = R"({"tenants_moved":2})"};
}

TEST_P(RegistryContract, KeepsForecastsBesideTheirOutcomes) {
  ASSERT_THAT(registry_->append_forecast(a_forecast(1)), IsOk());
  ASSERT_THAT(registry_->append_forecast(a_forecast(2)), IsOk());

  reopen();

  ForecastRecord second = a_forecast(2);
  second.number = 2;
  EXPECT_THAT(*registry_->read_forecasts(kNewest, 1), ElementsAre(second));
  EXPECT_THAT(*registry_->read_forecasts(2, 10), ElementsAre(Field(&ForecastRecord::revision, 1)));
  EXPECT_THAT(*registry_->read_forecasts(1, 10), IsEmpty());
}

TEST_P(RegistryContract, AmendsTheOutcomeOfAForecast) {
  ASSERT_THAT(registry_->append_forecast(a_forecast(1)), IsOk());
  ASSERT_THAT(registry_->append_forecast(a_forecast(2)), IsOk());

  ASSERT_THAT(registry_->amend_forecast(1, R"({"memory_bytes":7})"), IsOk());
  ASSERT_THAT(registry_->amend_forecast(9, "{}"), IsOk());
  reopen();

  EXPECT_THAT(*registry_->read_forecasts(kNewest, 10),
              ElementsAre(Field(&ForecastRecord::outcome, a_forecast(2).outcome),
                          AllOf(Field(&ForecastRecord::outcome, R"({"memory_bytes":7})"),
                                Field(&ForecastRecord::forecast, a_forecast(1).forecast))));
}

TEST_P(RegistryContract, KeepsTheNewestForecasts) {
  for (std::int64_t i = 1; i <= kKeptForecasts + 3; ++i) {
    ASSERT_THAT(registry_->append_forecast(a_forecast(i)), IsOk());
  }

  EXPECT_THAT(*registry_->read_forecasts(kNewest, 10'000),
              SizeIs(static_cast<std::size_t>(kKeptForecasts)));
  EXPECT_THAT(*registry_->read_forecasts(5, 10), ElementsAre(Field(&ForecastRecord::number, 4)));
}

TEST_P(RegistryContract, KnowsHowLongActionsTookThatSucceeded) {
  const auto numbers =
      registry_->open_actions({an_intent("a"), an_intent("b"), an_intent("c"), an_intent("d")});
  ASSERT_THAT(numbers, IsOk());
  ClosedAction slow{(*numbers)[0], JournalState::kDone, "", {}};
  slow.time = ActionTime{20ms, 3ms};
  ClosedAction failed{(*numbers)[1], JournalState::kFailed, "cannot", {}};
  failed.time = ActionTime{9s, std::nullopt};
  ClosedAction untimed{(*numbers)[2], JournalState::kDone, "", {}};
  ClosedAction fast{(*numbers)[3], JournalState::kDone, "", {}};
  fast.time = ActionTime{7us, std::nullopt};
  ASSERT_THAT(registry_->close_actions({slow, failed, untimed, fast}), IsOk());

  reopen();

  const std::string kind = an_intent("a").kind;
  EXPECT_THAT(*registry_->read_action_times(10),
              ElementsAre(TimedAction{kind, {7us, std::nullopt}}, TimedAction{kind, {20ms, 3ms}}));
  EXPECT_THAT(*registry_->read_action_times(1), SizeIs(1));
}

}  // namespace
}  // namespace voicectl
