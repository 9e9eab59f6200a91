// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/effect_forecaster.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "provisioner/apply/executor.h"
#include "provisioner/apply/irrevocable.h"
#include "provisioner/apply/session_forecast.h"
#include "provisioner/apply/simulated_run.h"

namespace voicectl {
namespace {

/// Of a plan's steps, all of one alternative.
template <typename T>
std::vector<T> actions_of(const Plan& plan) {
  std::vector<T> out;
  for (const Step& step : plan.steps) {
    if (const auto* const action = std::get_if<T>(&step.action)) {
      out.push_back(*action);
    }
  }
  return out;
}

void forecast_duration(const Plan& plan, const ForecastInputs& inputs, EffectForecast& out) {
  out.duration.samples = plan.steps.empty() ? 0 : kKeptTimes;
  for (const Step& step : plan.steps) {
    const std::string_view kind = kind_of(step.action);
    const std::size_t samples = inputs.times.of(kind).samples;
    out.duration.samples = std::min(out.duration.samples, samples);
    if (samples == 0) {
      out.assumed.emplace(kind);
    }
  }
  out.quantities[Quantity::kDuration] = microseconds_of(out.duration.typical);
}

void forecast_processes(const Plan& plan, EffectForecast& out) {
  std::map<InstanceId, InstanceId> heirs;  // who gets tenants of whom
  for (const LendListener& lend : actions_of<LendListener>(plan)) {
    if (lend.from) {
      heirs.emplace(lend.instance, *lend.from);
    }
  }
  std::set<InstanceId> stopped;
  for (const StopInstance& stop : actions_of<StopInstance>(plan)) {
    stopped.insert(stop.instance);
  }
  for (const StartInstance& start : actions_of<StartInstance>(plan)) {
    ProcessForecast process{start.instance, start.kind, true, std::nullopt};
    const auto heir = heirs.find(start.instance);
    if (heir != heirs.end() && stopped.contains(heir->second)) {
      process.replaces = heir->second;
    }
    out.processes.push_back(std::move(process));
  }
}

void add_stopped(const Plan& plan, const Snapshot& before, EffectForecast& out) {
  for (const StopInstance& stop : actions_of<StopInstance>(plan)) {
    const auto recorded = before.instances.find(stop.instance);
    out.processes.push_back(ProcessForecast{
        stop.instance,
        recorded == before.instances.end() ? InstanceKind::kShared : recorded->second.kind, false,
        std::nullopt});
  }
}

void forecast_ports(const Snapshot& before, const Snapshot& after, EffectForecast& out) {
  const std::set<Port> had = marks_of(before).ports;
  const std::set<Port> has = marks_of(after).ports;
  for (const PortLease& lease : after.leases) {
    const bool is_held = has.contains(lease.port);
    if (is_held && !had.contains(lease.port)) {
      out.ports_bound.push_back(lease);
    } else if (!is_held && had.contains(lease.port)) {
      out.ports_released.push_back(lease);
    }
  }
}

void forecast_sockets(const Plan& plan, EffectForecast& out) {
  out.sockets_bound = actions_of<BindListener>(plan).size();
  out.sockets_released = actions_of<ReleaseListener>(plan).size();
}

void forecast_memory(const ForecastInputs& inputs, EffectForecast& out) {
  const std::optional<Bytes> now = memory_of(inputs.load, inputs.snapshot);
  if (!now) {
    return;
  }
  std::optional<Bytes> smallest;
  for (const auto& [name, size] : inputs.load.memory) {
    smallest = std::min(smallest.value_or(size), size);
  }
  const Bytes fresh = smallest.value_or(kFreshInstance);
  Bytes started{0};
  Bytes stopped{0};
  for (const ProcessForecast& process : out.processes) {
    const auto known = inputs.load.memory.find(process.instance);
    const Bytes size = known == inputs.load.memory.end() ? fresh : known->second;
    (process.is_started ? started : stopped).count += size.count;
  }
  out.memory_before = now;
  out.memory_peak = Bytes{now->count + started.count};
  out.memory_after = Bytes{out.memory_peak->count - std::min(stopped.count, now->count)};
  out.quantities[Quantity::kMemory] = static_cast<std::int64_t>(out.memory_after->count);
}

void forecast_cpu(const ForecastInputs& inputs, const Snapshot& after, EffectForecast& out) {
  out.cpu_before = processor_of(inputs.load, inputs.snapshot);
  if (!out.cpu_before) {
    return;
  }
  out.cpu_after = 0;
  for (const auto& [name, tenant] : inputs.snapshot.tenants) {
    if (tenant.placement && after.tenants.contains(name)) {
      *out.cpu_after += *inputs.load.tenants.at(name).cpu_milli;
    }
  }
  out.quantities[Quantity::kProcessor] = *out.cpu_after;
}

/// The longest that all of them may run, one after the other.
std::chrono::seconds longest_of(const std::vector<HookSpec>& hooks) {
  std::chrono::seconds all{0};
  for (const HookSpec& hook : hooks) {
    all += hook.timeout;
  }
  return all;
}

void add_hooks(const HooksSpec& hooks, std::vector<std::string>& out) {
  const auto tell = [&](std::string_view when, const std::vector<HookSpec>& some) {
    if (!some.empty()) {
      out.push_back(fmt::format("how long {} hook{} {} it take{}: at most {}", some.size(),
                                some.size() == 1 ? "" : "s", when, some.size() == 1 ? "s" : "",
                                format_duration(longest_of(some))));
    }
  };
  tell("before", hooks.before_apply);
  tell("after", hooks.after_apply);
  if (!hooks.before_apply.empty()) {
    out.emplace_back("whether the hooks before it let it begin");
  }
}

std::vector<std::string> unknown_of(const Plan& plan,
                                    const HooksSpec& hooks,
                                    const EffectForecast& forecast) {
  std::vector<std::string> out;
  if (!plan.empty()) {
    add_hooks(hooks, out);
  }
  if (forecast.unsampled > 0) {
    out.push_back(fmt::format("the live sessions of {} tenant{}, whose instances have not told yet",
                              forecast.unsampled, forecast.unsampled == 1 ? "" : "s"));
  }
  if (!forecast.tenants.empty()) {
    out.emplace_back("sessions that begin or end before it is carried out");
  }
  if (!actions_of<StartInstance>(plan).empty()) {
    out.emplace_back(
        "whether instances that start get ready; where one does not, nobody is moved to it");
  }
  if (forecast.quantities.at(Quantity::kTenantsMoved) > 0) {
    out.emplace_back(
        "whether requests end in time: a tenant whose requests do not is tried three times, and "
        "stays");
  }
  if (!actions_of<PublishEdge>(plan).empty()) {
    out.emplace_back("whether nginx takes the configuration; if not, the old one goes on");
  }
  if (forecast.stranded > 0) {
    out.emplace_back("which WebSockets come through nginx: all are counted");
  }
  if (!forecast.orders.empty()) {
    out.push_back(fmt::format("whether {} gives the certificates", forecast.limit.authority));
  }
  if (!forecast.assumed.empty()) {
    out.push_back(fmt::format("how long these take here, none of which was measured yet: {}",
                              fmt::join(forecast.assumed, ", ")));
  }
  if (!forecast.processes.empty() && !forecast.memory_before) {
    out.emplace_back("memory: an instance that runs was not sampled yet");
  }
  return out;
}

void look_further(const ForecastInputs& inputs, const Snapshot& after, EffectForecast& out) {
  const Result<Plan> next = make_plan(inputs.desired, after, inputs.planner, inputs.now);
  if (next.has_value()) {
    out.left = next->steps.size();
  }
}

}  // namespace

EffectForecast forecast_effect(const Plan& plan, const ForecastInputs& inputs) {
  const auto typical = [&](const Action& action) {
    return inputs.times.of(kind_of(action)).typical;
  };
  const auto at_most = [&](const Action& action) {
    return inputs.times.of(kind_of(action)).at_most;
  };
  const SimulatedRun run =
      simulate_run(plan, inputs.snapshot, inputs.now, typical, inputs.moves_at_once);
  EffectForecast out;
  out.made_at = inputs.now;
  out.quantities = changes_between(marks_of(inputs.snapshot), marks_of(run.after));
  out.quantities[Quantity::kEdgeReloads] =
      static_cast<std::int64_t>(reloads_of(plan.steps, inputs.snapshot));
  out.duration.typical = run.took;
  out.duration.at_most =
      simulate_run(plan, inputs.snapshot, inputs.now, at_most, inputs.moves_at_once).took;
  forecast_duration(plan, inputs, out);
  out.linger = inputs.linger;
  out.limit = inputs.limit;
  forecast_sessions(plan, inputs.snapshot, inputs.load, out);
  out.pause = inputs.times.pause();
  if (out.quantities[Quantity::kTenantsMoved] > 0) {
    out.quantities[Quantity::kLongestPause] = microseconds_of(out.pause.typical);
  }
  for (const IssueCertificate& order : actions_of<IssueCertificate>(plan)) {
    out.orders.push_back(order.name);
  }
  forecast_processes(plan, out);
  add_stopped(plan, inputs.snapshot, out);
  forecast_ports(inputs.snapshot, run.after, out);
  forecast_sockets(plan, out);
  forecast_memory(inputs, out);
  forecast_cpu(inputs, run.after, out);
  out.irrevocable = irrevocable_in(plan, inputs.snapshot, out);
  out.strays_ended = actions_of<EndProcess>(plan).size();
  out.unknown = unknown_of(plan, inputs.desired.platform.hooks, out);
  if (inputs.look_further == LookFurther::kYes) {
    look_further(inputs, run.after, out);
  }
  return out;
}

}  // namespace voicectl
