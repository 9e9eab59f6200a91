// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/forecast_book.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "base/log.h"
#include "tests/support/edge/fake_edge.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/prometheus_text.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/silent_sink.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

class ForecastBookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const DesiredState before = a_desired_state({a_tenant("acme"), a_tenant("beta")});
    snapshot = settled(before);
    desired = a_desired_state({a_dedicated_tenant("acme"), a_tenant("beta")});
    plan = plan_of(desired, snapshot);
    after = snapshot;
    apply_plan(after, plan, kNoon);
    for (const char* tenant : {"acme", "beta"}) {
      load.tenants[tenant_id(tenant)] = {.sessions = 4, .websockets = 3, .cpu_milli = 10};
    }
  }
  /// Every instance of `there` uses `bytes`.
  void see_memory(const Snapshot& there, std::uint64_t bytes) {
    load.memory.clear();
    for (const ObservedInstance& instance : there.observed.instances) {
      load.memory.emplace(instance.instance, Bytes{bytes});
    }
  }
  static api::ApplyOutcome ended(std::size_t done, std::size_t failed) {
    api::ApplyOutcome out;
    out.done = done;
    out.failed = failed;
    return out;
  }
  std::vector<api::Compared> carry_out(const Snapshot& left, const api::ApplyOutcome& outcome) {
    book.begin({plan, desired, snapshot, inputs, 1});
    sim.advance(2s);
    api::StepProgress moved;
    moved.state = api::StepState::kDone;
    moved.move = api::MoveProgress{};
    moved.move->phase = "moved";
    moved.move->percent = 100;
    moved.move->websockets = 3;
    moved.move->pause_us = 4000;
    book.hear(moved);
    std::vector<api::Compared> compared = book.end(outcome, left, 7);
    sim.settle();
    return compared;
  }

  SimReactor sim;
  SimOffload offload{sim};
  SimWallClock wall{sim};
  std::shared_ptr<RegistryStore> store = std::make_shared<RegistryStore>();
  std::unique_ptr<Registry> registry = open_memory_registry(store);
  RegistryQueue queue{*registry, offload};
  FakeEdgeState edge_state;
  FakeEdgeProxy edge{edge_state, sim};
  SilentSink silence;
  Log log{silence, wall};
  LiveLoad load;
  ForecastBook book{{sim, wall, queue, edge, log, OrderLimit{"nobody"}, [this] { return load; }},
                    ActionTimes{}};
  Snapshot snapshot;
  Snapshot after;
  DesiredState desired;
  Plan plan;
  PlanInputs inputs = plan_inputs();
};

TEST_F(ForecastBookTest, HasGoodMetricsFromTheBeginning) {
  EXPECT_THAT(problems_of_metrics(book.render_metrics()), IsEmpty());
}

TEST_F(ForecastBookTest, HoldsTheForecastBesideWhatWasCounted) {
  const std::vector<api::Compared> compared = carry_out(after, ended(plan.steps.size(), 0));

  EXPECT_THAT(compared, AllOf(Contains(api::Compared{"tenants_moved", 1, 1}),
                              Contains(api::Compared{"processes_started", 1, 1}),
                              Contains(api::Compared{"websockets_moved", 3, 3}),
                              Contains(api::Compared{"longest_pause_us", 5000, 4000})));
  ASSERT_THAT(store->forecasts, SizeIs(1));
  const ForecastRecord& kept = store->forecasts.front();
  EXPECT_EQ(kept.plan_id, plan.id);
  EXPECT_EQ(kept.revision, 7);
  EXPECT_TRUE(kept.is_complete);
  EXPECT_EQ(parse_quantities(kept.outcome).at(Quantity::kDuration), 2'000'000);
  const std::string metrics = book.render_metrics();
  EXPECT_THAT(problems_of_metrics(metrics), IsEmpty());
  EXPECT_THAT(metrics,
              AllOf(HasSubstr("voicectl_forecasts_total{result=\"right\"} 1\n"),
                    HasSubstr("voicectl_forecast_error{quantity=\"longest_pause_us\"} -1000\n"),
                    HasSubstr("voicectl_forecast_pause_ratio_bucket{le=\"0.8\"} 1\n")));
}

TEST_F(ForecastBookTest, CountsAWrongForecastByWhatWasWrong) {
  ObservedInstance& unforeseen =
      after.observed.instances.emplace_back(ObservedInstance{instance_id("shared-9"), true, false});
  ASSERT_TRUE(unforeseen.ready);

  (void)carry_out(after, ended(plan.steps.size(), 0));

  EXPECT_THAT(book.render_metrics(),
              AllOf(HasSubstr("voicectl_forecasts_total{result=\"wrong\"} 1\n"),
                    HasSubstr("voicectl_forecast_wrong_total{quantity=\"processes_started\"} 1\n"),
                    HasSubstr("voicectl_forecast_error{quantity=\"processes_started\"} 1\n")));
}

TEST_F(ForecastBookTest, JudgesNoForecastOfAPlanThatWasNotCarriedOutInWhole) {
  EXPECT_THAT(carry_out(snapshot, ended(1, 1)), Not(IsEmpty()));

  EXPECT_FALSE(store->forecasts.front().is_complete);
  EXPECT_THAT(book.render_metrics(),
              AllOf(HasSubstr("voicectl_forecasts_total{result=\"failed\"} 1\n"),
                    HasSubstr("voicectl_forecasts_total{result=\"wrong\"} 0\n")));
}

TEST_F(ForecastBookTest, AddsWhatIsSeenOfTheLoadWhenItHasSettled) {
  see_memory(snapshot, 20);
  (void)carry_out(after, ended(plan.steps.size(), 0));
  ASSERT_THAT(parse_quantities(store->forecasts.front().outcome),
              Not(Contains(Key(Quantity::kMemory))));

  see_memory(after, 30);
  load.tenants.at(tenant_id("acme")).cpu_milli = 50;
  sim.advance(ForecastBook::kSettling);

  const ForecastRecord& kept = store->forecasts.front();
  const auto instances = static_cast<std::int64_t>(after.observed.instances.size());
  EXPECT_EQ(parse_quantities(kept.forecast).at(Quantity::kMemory), 20 * instances);
  EXPECT_EQ(parse_quantities(kept.forecast).at(Quantity::kProcessor), 20);
  EXPECT_THAT(
      parse_quantities(kept.outcome),
      AllOf(Contains(Pair(Quantity::kMemory, 30 * instances)),
            Contains(Pair(Quantity::kProcessor, 60)), Contains(Pair(Quantity::kTenantsMoved, 1))));
  EXPECT_THAT(
      book.render_metrics(),
      AllOf(HasSubstr(fmt::format("voicectl_forecast_error{{quantity=\"memory_bytes\"}} {}\n",
                                  10 * instances)),
            HasSubstr("voicectl_forecast_error{quantity=\"cpu_milli\"} 40\n"),
            HasSubstr("voicectl_forecasts_total{result=\"right\"} 1\n")));
}

TEST_F(ForecastBookTest, SaysNothingOfALoadThatIsNotSeenWhole) {
  see_memory(snapshot, 20);
  (void)carry_out(after, ended(plan.steps.size(), 0));
  const std::string before = store->forecasts.front().outcome;

  load.tenants.clear();
  load.memory.clear();
  sim.advance(ForecastBook::kSettling);

  EXPECT_EQ(store->forecasts.front().outcome, before);
  EXPECT_THAT(book.render_metrics(), Not(HasSubstr("quantity=\"memory_bytes\"")));
}

TEST_F(ForecastBookTest, DoesNotTakeTheLoadOfTheNextPlanForItsOwn) {
  see_memory(snapshot, 20);
  (void)carry_out(after, ended(plan.steps.size(), 0));
  const std::string before = store->forecasts.front().outcome;

  book.begin({plan, desired, snapshot, inputs, 1});
  see_memory(after, 30);
  sim.advance(ForecastBook::kSettling);

  EXPECT_EQ(store->forecasts.front().outcome, before);
}

TEST_F(ForecastBookTest, CountsWebSocketsThatAreToldToComeAgain) {
  book.begin({plan, desired, snapshot, inputs, 1});
  book.note_dropped(3);

  EXPECT_THAT(book.end({}, after, 1), Contains(api::Compared{"websockets_dropped", 0, 3}));
  EXPECT_THAT(book.end({}, after, 1), IsEmpty());
}

}  // namespace
}  // namespace voicectl
