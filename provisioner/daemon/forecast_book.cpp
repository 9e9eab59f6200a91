// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/forecast_book.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "provisioner/edge/edge_config.h"

namespace voicectl {
namespace {

/// Known on both sides.
std::vector<api::Compared> side_by_side(const Quantities& forecast, const Quantities& outcome) {
  std::vector<api::Compared> out;
  for (const auto& [quantity, expected] : forecast) {
    if (const auto found = outcome.find(quantity); found != outcome.end()) {
      out.push_back(api::Compared{std::string(name_of(quantity)), expected, found->second});
    }
  }
  return out;
}

void head(std::string& out, std::string_view name, std::string_view kind, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, kind);
}

}  // namespace

EffectForecast ForecastBook::forecast(const Planned& planned, LookFurther look_further) const {
  const LiveLoad load = deps_.load ? deps_.load() : LiveLoad{};
  return forecast_effect(planned.plan, ForecastInputs{.desired = planned.desired,
                                                      .snapshot = planned.snapshot,
                                                      .planner = planned.inputs,
                                                      .load = load,
                                                      .times = times_,
                                                      .limit = deps_.limit,
                                                      .linger = kEdgeLinger,
                                                      .now = deps_.wall.now(),
                                                      .moves_at_once = planned.moves_at_once,
                                                      .look_further = look_further});
}

void ForecastBook::begin(const Planned& planned) {
  settling_.reset();
  counting_ = Counting{.plan_id = planned.plan.id,
                       .forecast = forecast(planned, LookFurther::kNo).quantities,
                       .before = marks_of(planned.snapshot),
                       .began = deps_.reactor.now(),
                       .reloads = deps_.edge.observe().reloads,
                       .longest_pause_us = std::nullopt};
}

void ForecastBook::hear(const api::StepProgress& progress) {
  if (!counting_ || !progress.move || progress.state != api::StepState::kDone) {
    return;
  }
  const api::MoveProgress& move = *progress.move;
  if (move.percent == 100) {
    counting_->websockets_moved += static_cast<std::int64_t>(move.websockets);
    counting_->websockets_dropped += static_cast<std::int64_t>(move.dropped);
    counting_->longest_pause_us = std::max(counting_->longest_pause_us.value_or(0), move.pause_us);
  }
}

void ForecastBook::note_dropped(std::uint64_t websockets) {
  if (counting_) {
    counting_->websockets_dropped += static_cast<std::int64_t>(websockets);
  }
}

Quantities ForecastBook::count(const Counting& counting, const EffectMarks& after) const {
  Quantities out = changes_between(counting.before, after);
  out[Quantity::kWebsocketsMoved] = counting.websockets_moved;
  out[Quantity::kWebsocketsDropped] = counting.websockets_dropped;
  out[Quantity::kEdgeReloads] =
      static_cast<std::int64_t>(deps_.edge.observe().reloads - counting.reloads);
  out[Quantity::kDuration] = microseconds_of(deps_.reactor.now() - counting.began);
  if (counting.longest_pause_us) {
    out[Quantity::kLongestPause] = *counting.longest_pause_us;
  }
  return out;
}

std::vector<api::Compared> ForecastBook::end(const api::ApplyOutcome& outcome,
                                             const Snapshot& after,
                                             std::int64_t revision) {
  const std::optional<Counting> counting = std::exchange(counting_, std::nullopt);
  if (!counting) {
    return {};
  }
  const Quantities counted = count(*counting, marks_of(after));
  const bool is_complete = outcome.failed + outcome.skipped + outcome.undone == 0;
  if (is_complete) {
    judge(counting->forecast, counted);
    settle(*counting, counted, after);
  } else {
    ++failed_;
  }
  keep(*counting, counted, is_complete, revision);
  return side_by_side(counting->forecast, counted);
}

void ForecastBook::judge(const Quantities& forecast, const Quantities& outcome) {
  bool is_right = true;
  last_error_.clear();
  for (const auto& [quantity, expected] : forecast) {
    const auto found = outcome.find(quantity);
    if (found == outcome.end()) {
      continue;
    }
    last_error_[quantity] = found->second - expected;
    if (is_estimate(quantity)) {
      Histogram<8>& ratios = quantity == Quantity::kDuration ? duration_ratio_ : pause_ratio_;
      ratios.add(static_cast<double>(found->second) /
                 static_cast<double>(std::max<std::int64_t>(1, expected)));
    } else if (found->second != expected) {
      is_right = false;
      ++wrong_counts_[quantity];
    }
  }
  ++(is_right ? right_ : wrong_);
}

void ForecastBook::keep(const Counting& counting,
                        const Quantities& outcome,
                        bool is_complete,
                        std::int64_t revision) {
  const ForecastRecord record{.at = deps_.wall.now(),
                              .plan_id = counting.plan_id,
                              .revision = revision,
                              .is_complete = is_complete,
                              .forecast = render_quantities(counting.forecast),
                              .outcome = render_quantities(outcome)};
  deps_.registry.run<std::int64_t>(
      [record](Registry& registry) { return registry.append_forecast(record); },
      [this, weak = std::weak_ptr(settling_)](const Result<std::int64_t>& kept) {
        const std::shared_ptr<Settling> settling = weak.lock();
        if (kept.has_error()) {
          deps_.log.warn("forecast.not_kept", {{"error", kept.error()}});
        } else if (settling) {
          settling->number = *kept;
        }
      });
}

void ForecastBook::settle(const Counting& counting,
                          const Quantities& outcome,
                          const Snapshot& after) {
  if (!deps_.load) {
    return;
  }
  settling_ = std::make_shared<Settling>(Settling{counting.forecast, outcome, after});
  deps_.reactor.call_after(kSettling, [this, weak = std::weak_ptr(settling_)] {
    if (const std::shared_ptr<Settling> settled = weak.lock()) {
      settling_.reset();
      look_at_load(*settled);
    }
  });
}

void ForecastBook::look_at_load(Settling& settled) {
  const LiveLoad load = deps_.load();
  Quantities seen;
  if (const std::optional<Bytes> memory = memory_of(load, settled.after)) {
    seen.emplace(Quantity::kMemory, static_cast<std::int64_t>(memory->count));
  }
  if (const std::optional<std::uint32_t> used = processor_of(load, settled.after)) {
    seen.emplace(Quantity::kProcessor, *used);
  }
  for (const auto& [quantity, number] : seen) {
    const auto expected = settled.forecast.find(quantity);
    if (expected != settled.forecast.end()) {
      last_error_[quantity] = number - expected->second;
    }
  }
  settled.outcome.merge(seen);
  if (settled.number) {
    deps_.registry.run<void>(
        [number = *settled.number, outcome = render_quantities(settled.outcome)](
            Registry& registry) { return registry.amend_forecast(number, outcome); },
        [this](const Status& kept) {
          if (kept.has_error()) {
            deps_.log.warn("forecast.not_kept", {{"error", kept.error()}});
          }
        });
  }
}

std::string ForecastBook::render_metrics() const {
  std::string out;
  constexpr std::string_view kTotal = "voicectl_forecasts_total";
  head(out, kTotal, "counter",
       "Plans that were carried out: as counted by their forecast (right), otherwise (wrong), or "
       "not in whole (failed).");
  for (const auto& [result, count] :
       {std::pair("right", right_), std::pair("wrong", wrong_), std::pair("failed", failed_)}) {
    out += fmt::format("{}{{result=\"{}\"}} {}\n", kTotal, result, count);
  }
  constexpr std::string_view kWrong = "voicectl_forecast_wrong_total";
  head(out, kWrong, "counter", "Wrong forecasts, by the quantity that came out differently.");
  constexpr std::string_view kError = "voicectl_forecast_error";
  std::string errors;
  for (int i = 0; i < kQuantities; ++i) {
    const auto quantity = static_cast<Quantity>(i);
    if (const auto found = last_error_.find(quantity); found != last_error_.end()) {
      errors += fmt::format("{}{{quantity=\"{}\"}} {}\n", kError, name_of(quantity), found->second);
    }
    const auto wrong = wrong_counts_.find(quantity);
    if (!is_estimate(quantity)) {
      out += fmt::format("{}{{quantity=\"{}\"}} {}\n", kWrong, name_of(quantity),
                         wrong == wrong_counts_.end() ? 0 : wrong->second);
    }
  }
  if (!errors.empty()) {
    head(out, kError, "gauge",
         "Outcome less forecast of the last plan that was carried out whole; those of times are in "
         "microseconds.");
    out += errors;
  }
  head(out, "voicectl_forecast_duration_ratio", "histogram",
       "How long plans took, by how long their forecasts said.");
  append_histogram(out, "voicectl_forecast_duration_ratio", duration_ratio_);
  head(out, "voicectl_forecast_pause_ratio", "histogram",
       "The longest pause of plans that moved tenants, by what their forecasts said.");
  append_histogram(out, "voicectl_forecast_pause_ratio", pause_ratio_);
  return out;
}

}  // namespace voicectl
