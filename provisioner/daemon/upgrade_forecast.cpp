// SPDX-License-Identifier: Apache-2.0
// What an upgrade would do, and how it stands.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/daemon/stats_question.h"
#include "provisioner/daemon/upgrade_driver.h"

namespace voicectl {
namespace {

constexpr Duration kStatsTimeout = std::chrono::seconds(5);

Json describe_program(const ProgramRecord& program) {
  return {{"fingerprint", program.fingerprint},
          {"version", program.version},
          {"hand_over", program.hand_over},
          {"taken_at", format_wall_time(program.taken_at)}};
}

/// A program that the registry does not know, as one from before programs were recorded.
ProgramRecord find_program(const Programs& programs, const std::string& fingerprint) {
  const ProgramRecord* const known = programs.find(fingerprint);
  return known != nullptr ? *known : ProgramRecord{fingerprint, "", "", {}};
}

Json describe_upgrade(const UpgradeRecord& upgrade, const Snapshot& snapshot) {
  return {{"phase", name_of(upgrade.phase)},
          {"from", upgrade.from},
          {"to", upgrade.target},
          {"canary", upgrade.canary},
          {"watch_s", upgrade.watch.count()},
          {"batch", upgrade.batch},
          {"who", upgrade.who},
          {"began", format_wall_time(upgrade.began)},
          {"why", upgrade.why},
          {"upgraded", upgraded_instances(snapshot).size()},
          {"left", instances_to_upgrade(snapshot, upgrade.target).size()},
          {"websockets_moved", upgrade.moved},
          {"websockets_dropped", upgrade.dropped}};
}

Json describe_outcome(const UpgradeOutcome& last) {
  return {{"from", last.from},
          {"to", last.target},
          {"result", last.why.empty() ? "finished" : "reversed"},
          {"why", last.why},
          {"who", last.who},
          {"began", format_wall_time(last.began)},
          {"ended", format_wall_time(last.ended)},
          {"websockets_moved", last.moved},
          {"websockets_dropped", last.dropped}};
}

/// Memory of all instances while the most of them run; nullopt if that of one is not known.
std::optional<Bytes> peak_of(const ReconcileLoop::UpgradePreview& preview) {
  const EffectForecast& canary = preview.canary;
  const std::int64_t by_canary = canary.quantities.at(Quantity::kProcessesStarted);
  if (!canary.memory_before || !canary.memory_peak || by_canary == 0) {
    return std::nullopt;
  }
  std::vector<const EffectForecast*> waves = {&canary};
  for (std::size_t i = 0; i < std::min<std::size_t>(preview.batches, 3); ++i) {
    waves.push_back(&preview.first_batches[std::min<std::size_t>(i, 1)]);
  }
  std::int64_t more = 0;
  std::int64_t most = 0;
  for (const EffectForecast* const wave : waves) {
    // What the wave before has replaced stops while this one starts.
    more += wave->quantities.at(Quantity::kProcessesStarted);
    most = std::max(most, more);
    more -= wave->quantities.at(Quantity::kProcessesStopped);
  }
  const std::uint64_t added = canary.memory_peak->count - canary.memory_before->count;
  return Bytes{canary.memory_before->count +
               added / static_cast<std::uint64_t>(by_canary) * static_cast<std::uint64_t>(most)};
}

}  // namespace

void UpgradeDriver::take_target(const UpgradeRequest& request, Completion<ProgramRecord> done) {
  if (!under_way()) {
    // What an earlier look took in and nobody went to.
    deps_.programs.keep_only(programs_in_use(deps_.recorded.snapshot()));
  }
  if (!request.is_rollback) {
    deps_.programs.take_in(request.runtime.empty() ? deps_.installed : request.runtime,
                           std::move(done));
    return;
  }
  const Programs& programs = deps_.recorded.snapshot().programs;
  const ProgramRecord* const previous = programs.find(programs.previous);
  const bool is_there = previous != nullptr && deps_.programs.find(previous->fingerprint);
  Result<ProgramRecord> target =
      is_there ? Result<ProgramRecord>(*previous)
               : Result<ProgramRecord>(
                     Error(ErrorCode::kNotFound, "cannot roll back: no earlier program was kept"));
  deps_.reactor.post([target = std::move(target), done = std::move(done)] { done(target); });
}

void UpgradeDriver::count_websockets(std::function<void(const OpenWebsockets&)> done) {
  const auto open = std::make_shared<OpenWebsockets>();
  auto left = std::make_shared<std::size_t>(1);
  const auto one_less = [left, open, done = std::move(done), alive = std::weak_ptr(alive_)] {
    if (--*left == 0 && !alive.expired()) {
      done(*open);
    }
  };
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state != InstanceState::kReady) {
      continue;
    }
    ++*left;
    ask_stats(deps_.reactor, deps_.instances, view, StatsDepth::kCounts, kStatsTimeout,
              [open, one_less](const Result<InstanceStats>& told) {
                if (told.has_value()) {
                  for (const TenantStats& stats : told->tenants) {
                    (*open)[stats.tenant] = stats.websockets;
                  }
                }
                one_less();
              });
  }
  one_less();
}

Result<SetPrograms> UpgradeDriver::first_action(const UpgradeRequest& request,
                                                const ProgramRecord& target) {
  Snapshot snapshot = deps_.recorded.snapshot();
  snapshot.programs.known.insert_or_assign(target.fingerprint, target);
  UpgradeWish wish = request.wish;
  wish.target = target.fingerprint;
  return begin_upgrade(snapshot, wish, deps_.wall.now());
}

Result<UpgradeForecast> UpgradeDriver::forecast_of(const UpgradeRequest& request,
                                                   const ProgramRecord& target,
                                                   const OpenWebsockets& websockets) {
  VC_TRY(const SetPrograms first, first_action(request, target));
  const Snapshot& snapshot = deps_.recorded.snapshot();
  UpgradeForecast out;
  out.from = find_program(snapshot.programs, snapshot.programs.current);
  out.to = target;
  out.canary = first.programs.upgrade ? first.programs.upgrade->canary : "";
  out.instances = instances_to_upgrade(snapshot, target.fingerprint);
  for (const InstanceId& instance : out.instances) {
    const ProgramRecord runs =
        find_program(snapshot.programs, snapshot.instances.at(instance).fingerprint);
    const bool is_understood = can_hand_over(runs, target);
    out.is_understood = out.is_understood && is_understood;
    for (const TenantId& tenant : deps_.recorded.tenants_of(instance)) {
      const auto open = websockets.find(tenant);
      const std::uint64_t count = open == websockets.end() ? 0 : open->second;
      ++out.tenants;
      out.websockets += count;
      out.drops += is_understood ? 0 : count;
    }
  }
  return out;
}

Result<UpgradeForecast> UpgradeDriver::forecast_with_course(const UpgradeRequest& request,
                                                            const ProgramRecord& target,
                                                            const OpenWebsockets& websockets) {
  VC_TRY(UpgradeForecast out, forecast_of(request, target, websockets));
  if (!out.instances.empty() && deps_.loop.desired()) {
    VC_TRY(const SetPrograms first, first_action(request, target));
    VC_TRY(out.course, course_of(first));
  }
  return out;
}

Result<UpgradeCourse> UpgradeDriver::course_of(const SetPrograms& first) const {
  VC_TRY(const ReconcileLoop::UpgradePreview preview, deps_.loop.preview_of_upgrade(first));
  UpgradeCourse out;
  out.waves = 1 + preview.batches;
  out.duration = preview.canary.duration;
  const auto add = [&](const Estimate& one, std::size_t times) {
    out.duration.typical += one.typical * static_cast<std::int64_t>(times);
    out.duration.at_most += one.at_most * static_cast<std::int64_t>(times);
    out.duration.samples = std::min(out.duration.samples, one.samples);
  };
  const Duration watch = first.programs.upgrade->watch;
  add(Estimate{watch, watch, kKeptTimes}, 1);
  const std::vector<EffectForecast>& batches = preview.first_batches;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    add(batches[i].duration, i == 0 ? 1 : preview.batches - 1);
  }
  add(preview.end.duration, 1);
  out.pause = preview.canary.pause;
  out.memory_before = preview.canary.memory_before;
  out.memory_peak = peak_of(preview);
  return out;
}

void UpgradeDriver::forecast(UpgradeRequest request, Completion<UpgradeForecast> done) {
  take_target(request, [this, request, done](const Result<ProgramRecord>& target) {
    if (target.has_error()) {
      done(target.error());
      return;
    }
    count_websockets([this, request, done, target = *target,
                      held = deps_.programs.hold(target->fingerprint)](const OpenWebsockets& open) {
      done(forecast_with_course(request, target, open));
    });
  });
}

Json UpgradeDriver::status() const {
  const Snapshot snapshot = counted();
  const Programs& programs = snapshot.programs;
  Json list = Json::array();
  for (const auto& [fingerprint, program] : programs.known) {
    Json each = describe_program(program);
    each["role"] = fingerprint == programs.current    ? "current"
                   : fingerprint == programs.previous ? "previous"
                                                      : "other";
    each["instances"] =
        std::count_if(snapshot.instances.begin(), snapshot.instances.end(),
                      [&](const auto& entry) { return entry.second.fingerprint == fingerprint; });
    list.push_back(std::move(each));
  }
  return {
      {"programs", list},
      {"installed", {{"path", deps_.installed}, {"fingerprint", deps_.installed_fingerprint()}}},
      {"upgrade", programs.upgrade ? describe_upgrade(*programs.upgrade, snapshot) : Json()},
      {"last", programs.last ? describe_outcome(*programs.last) : Json()}};
}

namespace {

Json render_course(const UpgradeCourse& course) {
  const auto bytes = [](const std::optional<Bytes>& size) {
    return size ? Json(size->count) : Json();
  };
  return {{"waves", course.waves},
          {"pause", estimate_json(course.pause)},
          {"duration", estimate_json(course.duration)},
          {"memory_bytes",
           {{"before", bytes(course.memory_before)}, {"peak", bytes(course.memory_peak)}}}};
}

}  // namespace

Json render_forecast(const UpgradeForecast& forecast) {
  Json instances = Json::array();
  for (const InstanceId& instance : forecast.instances) {
    instances.push_back(instance.str());
  }
  return {{"from", describe_program(forecast.from)},
          {"to", describe_program(forecast.to)},
          {"canary", forecast.canary},
          {"instances", instances},
          {"tenants", forecast.tenants},
          {"websockets", forecast.websockets},
          {"drops", forecast.drops},
          {"hands_over", forecast.is_understood},
          {"course", forecast.course ? render_course(*forecast.course) : Json()}};
}

}  // namespace voicectl
