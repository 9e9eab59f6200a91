// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/os/reactor.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/apply/action_times.h"
#include "provisioner/apply/effect_forecaster.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/edge/edge_proxy.h"
#include "provisioner/plan/effect_forecast.h"

namespace voicectl {

/// Forecasts plans, counts what came of those that are carried out, keeps both side by side, and
/// tells Prometheus how far apart they were.
///
/// THREADS: loop thread only.
class ForecastBook {
 public:
  struct Deps {
    Reactor& reactor;
    const WallClock& wall;
    RegistryQueue& registry;
    const EdgeProxy& edge;
    const Log& log;
    /// What is known of the authority.
    OrderLimit limit;
    /// As last sampled.
    std::function<LiveLoad()> load;
  };
  /// `times`: what was measured in earlier runs.
  ForecastBook(Deps deps, ActionTimes times) : deps_(std::move(deps)), times_(std::move(times)) {}

  /// A plan, with all that it was made from.
  struct Planned {
    const Plan& plan;
    const DesiredState& desired;
    const Snapshot& snapshot;
    const PlanInputs& inputs;
    std::size_t moves_at_once;
  };
  EffectForecast forecast(const Planned& planned, LookFurther look_further) const;

  /// The plan is carried out from now on: forecasts it, and begins to count.
  void begin(const Planned& planned);
  /// A step of it has come further.
  void hear(const api::StepProgress& progress);
  /// WebSockets that were told to come again, because their tenant could not be handed over.
  void note_dropped(std::uint64_t websockets);
  /// It has ended as `outcome` says and left the platform as `after`: counts, records, and returns
  /// what was forecast beside it. Nothing if none was begun. What can only be seen when everybody
  /// was looked at again (memory, processor time) is added to the record after kSettling, unless
  /// another plan has begun by then.
  std::vector<api::Compared> end(const api::ApplyOutcome& outcome,
                                 const Snapshot& after,
                                 std::int64_t revision);

  /// An action was done, by a plan or for itself.
  void note_time(std::string_view kind, const ActionTime& time) { times_.note(kind, time); }

  /// The text form of Prometheus (0.0.4).
  std::string render_metrics() const;

  /// Two looks at the load lie within: rates need both.
  static constexpr Duration kSettling = std::chrono::seconds(15);

 private:
  struct Counting {
    std::string plan_id;
    Quantities forecast;
    EffectMarks before;
    MonoTime began{};
    std::uint64_t reloads = 0;
    std::int64_t websockets_moved = 0;
    std::int64_t websockets_dropped = 0;
    std::optional<std::int64_t> longest_pause_us;
  };
  /// A plan that was carried out whole, whose load is not seen yet.
  struct Settling {
    Quantities forecast;
    Quantities outcome;
    Snapshot after;
    /// Of the record, once it is kept.
    std::optional<std::int64_t> number{};
  };
  Quantities count(const Counting& counting, const EffectMarks& after) const;
  void keep(const Counting& counting,
            const Quantities& outcome,
            bool is_complete,
            std::int64_t revision);
  void judge(const Quantities& forecast, const Quantities& outcome);
  void settle(const Counting& counting, const Quantities& outcome, const Snapshot& after);
  void look_at_load(Settling& settled);

  Deps deps_;
  ActionTimes times_;
  std::optional<Counting> counting_;
  /// The timer and the registry's answer hold it weakly.
  std::shared_ptr<Settling> settling_;
  // Since this daemon began.
  std::uint64_t right_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t failed_ = 0;
  std::map<Quantity, std::uint64_t> wrong_counts_;
  /// Outcome less forecast, of the last plan that was carried out whole.
  std::map<Quantity, std::int64_t> last_error_;
  Histogram<8> duration_ratio_{{0.1, 0.25, 0.5, 0.8, 1.25, 2, 4, 10}};
  Histogram<8> pause_ratio_{{0.1, 0.25, 0.5, 0.8, 1.25, 2, 4, 10}};
};

}  // namespace voicectl
