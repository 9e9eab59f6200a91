// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/reconcile_loop.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "provisioner/apply/simulated_run.h"
#include "provisioner/plan/drift_comparison.h"
#include "provisioner/plan/drift_plan.h"
#include "provisioner/plan/protection.h"
#include "provisioner/plan/upgrade_plan.h"

namespace voicectl {
namespace {

std::string subject_of_instance(const InstanceId& instance) {
  return "instance/" + instance.str();
}

std::string command_for_logs(const InstanceId& instance) {
  return "voicectl logs --instance " + instance.str();
}

Error stopping() {
  return Error(ErrorCode::kCancelled, "cannot go on: the platform is being stopped");
}

}  // namespace

ReconcileLoop::ReconcileLoop(Deps deps,
                             std::optional<DesiredState> desired,
                             std::optional<Revision> revision,
                             FieldOwners owners,
                             const std::optional<std::string>& rollout_note)
    : deps_(std::move(deps)),
      desired_(std::move(desired)),
      revisions_(RevisionBook::Deps{deps_.registry, deps_.events, deps_.log},
                 std::move(revision),
                 std::move(owners)),
      relending_(Relending::Deps{
          deps_.reactor, deps_.recorded, deps_.placement, deps_.instances, deps_.bank, deps_.events,
          [this] { return is_carrying_out(); },
          [this](const TenantId& tenant) { return deps_.executor.is_placing(tenant); }}),
      delivery_(ConfigDelivery::Deps{deps_.reactor, deps_.recorded, deps_.instances, deps_.events,
                                     deps_.deliver_config, [this] { return is_carrying_out(); }}),
      ports_(deps_.listeners),
      keys_(KeyWatch::Deps{
          deps_.reactor, deps_.recorded, deps_.files, deps_.events,
          [this](const Action& action, std::string reason, Completion<void> done) -> Status {
            if (deps_.is_locked()) {
              return Error(ErrorCode::kConflict,
                           "cannot install a key now: the platform is locked");
            }
            return run_single(action, std::move(reason), std::move(done));
          }}),
      rollout_(RolloutDriver::Deps{
                   deps_.reactor, deps_.registry, deps_.recorded, deps_.executor, deps_.events,
                   deps_.probe, deps_.paths, [this] { return plan_batch(); },
                   [this](Plan plan, const ApplyListener& listener) {
                     executor_busy_ = true;
                     execute(std::move(plan), listener);
                   },
                   [this] { return executor_busy_; },
                   [this](std::function<void()> act) { when_idle(std::move(act)); }},
               rollout_note,
               desired_) {}

Snapshot ReconcileLoop::snapshot() const {
  Snapshot out = deps_.recorded.snapshot();
  out.observed = observed();
  return out;
}

Snapshot ReconcileLoop::snapshot_in_memory() const {
  Snapshot out = deps_.recorded.snapshot();
  out.observed = observed_in_memory();
  return out;
}

ObservedState ReconcileLoop::observed() const {
  ObservedState out = observed_in_memory();
  out.has_new_key = keys_.look_at_platform() == TenantFiles::KeyState::kNew;
  const std::vector<TenantId> renewed = keys_.tenants_with(TenantFiles::KeyState::kNew);
  out.new_credentials.insert(renewed.begin(), renewed.end());
  if (Result<std::vector<RecordedCertificate>> certificates = deps_.certificates.list();
      certificates.has_value()) {
    out.certificates = std::move(*certificates);
  }
  return out;
}

ObservedState ReconcileLoop::observed_in_memory() const {
  ObservedState out;
  for (const InstanceView& view : deps_.instances.observe()) {
    out.instances.push_back(ObservedInstance{view.instance, view.state == InstanceState::kReady,
                                             view.state == InstanceState::kFailed});
  }
  out.listeners = deps_.bank.tenants();
  out.unserved = relending_.unserved();
  out.rebound = relending_.rebound();
  out.outdated = delivery_.outdated();
  const EdgeObservation edge = deps_.edge.observe();
  out.edge_fingerprint = edge.running ? edge.fingerprint : "";
  return out;
}

Result<PlanInputs> ReconcileLoop::plan_inputs(const DesiredState& desired,
                                              const Programs& programs) const {
  PlanInputs inputs;
  inputs.instance_fingerprint = programs.current;
  const LiveLoad load = deps_.load ? deps_.load() : LiveLoad{};
  for (const auto& [tenant, seen] : load.tenants) {
    if (seen.steady_cpu_milli) {
      inputs.loads.emplace(tenant, *seen.steady_cpu_milli);
    }
  }
  VC_TRY(const std::optional<EdgeConfig> edge,
         make_edge_config(deps_.edge_settings, desired.platform, desired.tenants));
  if (edge) {
    VC_TRY(inputs.edge_fingerprint, edge_fingerprint(*edge));
  }
  return inputs;
}

std::vector<DriftFinding> ReconcileLoop::drift_of(const Snapshot& seen, RepairedBy who) const {
  std::vector<DriftFinding> out = not_adopted(deps_.look_for_drift(seen));
  return who == RepairedBy::kDaemon ? left_to_daemon(std::move(out)) : out;
}

Snapshot ReconcileLoop::snapshot_with_drift(RepairedBy who) const {
  Snapshot out = snapshot();
  out.observed.drift = drift_of(out, who);
  return out;
}

Result<Plan> ReconcileLoop::plan(const DesiredState& desired) const {
  VC_TRY(check_protection(desired_, desired));
  return plan_unchecked(desired, RepairedBy::kPerson);
}

Result<Plan> ReconcileLoop::plan_batch() const {
  Snapshot seen = snapshot();
  seen.observed.drift = left_to_daemon(not_adopted(deps_.look_for_drift(seen)), shown_drift_);
  return plan_seen(*desired_, seen, RepairedBy::kPerson);
}

Result<Plan> ReconcileLoop::plan_unchecked(const DesiredState& desired, RepairedBy who) const {
  RecordedState::Sight seen = deps_.recorded.lend(observed());
  seen.observed().drift = drift_of(seen.snapshot(), who);
  return plan_seen(desired, seen.snapshot(), who);
}

Result<Plan> ReconcileLoop::plan_seen(const DesiredState& desired,
                                      const Snapshot& seen,
                                      RepairedBy who) const {
  VC_TRY(const PlanInputs inputs, plan_inputs(desired, seen.programs));
  if (who == RepairedBy::kPerson) {
    VC_TRY(check_adoptions(seen, inputs.edge_fingerprint));
  }
  return ports_.plan_around(desired, seen, inputs, deps_.wall.now());
}

Result<Plan> ReconcileLoop::plan_to_keep() const {
  RecordedState::Sight seen = deps_.recorded.lend(observed());
  seen.observed().drift = drift_of(seen.snapshot(), RepairedBy::kDaemon);
  return plan_kept(seen.snapshot());
}

Result<Plan> ReconcileLoop::plan_kept(const Snapshot& seen) const {
  const std::set<TenantId>& held = rollout_.held();
  if (held.empty()) {
    return plan_seen(*desired_, seen, RepairedBy::kDaemon);
  }
  VC_TRY(const Plan plan, plan_seen(held_back(*desired_, seen, held), seen, RepairedBy::kDaemon));
  const std::set<TenantId> not_yet = begun_among(held, seen);
  return part_of(plan, [&not_yet](const TenantId& tenant) { return !not_yet.contains(tenant); });
}

Result<EffectForecast> ReconcileLoop::forecast(const Plan& plan,
                                               const DesiredState& desired) const {
  const Snapshot now = snapshot_with_drift(RepairedBy::kPerson);
  VC_TRY(const PlanInputs inputs, plan_inputs(desired, now.programs));
  return deps_.forecasts.forecast({plan, desired, now, inputs, kActionsInFlight},
                                  LookFurther::kYes);
}

Snapshot ReconcileLoop::carried_out(const Plan& plan, const Snapshot& seen) const {
  const auto at_once = [](const Action&) { return Duration::zero(); };
  return simulate_run(plan, seen, deps_.wall.now(), at_once, kActionsInFlight).after;
}

Snapshot ReconcileLoop::noted(const Action& action, const Snapshot& seen) const {
  Plan noting;
  noting.steps.push_back(Step{0, action, "", {}, "preview"});
  return carried_out(noting, seen);
}

Result<ReconcileLoop::Preview> ReconcileLoop::preview_of_replacing(
    const InstanceId& instance, std::size_t moves_at_once) const {
  const Snapshot retired =
      noted(RetireInstance{instance}, snapshot_with_drift(RepairedBy::kPerson));
  VC_TRY(const PlanInputs inputs, plan_inputs(*desired_, retired.programs));
  VC_TRY(Plan plan, plan_seen(*desired_, retired, RepairedBy::kPerson));
  EffectForecast effect = deps_.forecasts.forecast(
      {plan, *desired_, retired, inputs, moves_at_once}, LookFurther::kYes);
  return Preview{std::move(plan), std::move(effect)};
}

Result<ReconcileLoop::UpgradePreview> ReconcileLoop::preview_of_upgrade(
    const SetPrograms& first) const {
  Snapshot seen = noted(first, snapshot_with_drift(RepairedBy::kDaemon));
  // Forecasts what is done about `seen`, and goes to where that leads.
  const auto go_on = [&]() -> Result<EffectForecast> {
    VC_TRY(const PlanInputs inputs, plan_inputs(*desired_, seen.programs));
    VC_TRY(const Plan plan, plan_kept(seen));
    EffectForecast out = deps_.forecasts.forecast({plan, *desired_, seen, inputs, kActionsInFlight},
                                                  LookFurther::kNo);
    seen = carried_out(plan, seen);
    return out;
  };
  const auto advance = [&] { seen = noted(advance_upgrade(seen, deps_.wall.now()), seen); };
  UpgradePreview out;
  VC_TRY(out.canary, go_on());
  const std::size_t left = instances_to_upgrade(seen, seen.programs.upgrade->target).size();
  const std::size_t at_once = seen.programs.upgrade->batch;
  out.batches = (left + at_once - 1) / at_once;
  while (out.first_batches.size() < std::min<std::size_t>(out.batches, 2)) {
    advance();
    VC_TRY(EffectForecast batch, go_on());
    out.first_batches.push_back(std::move(batch));
  }
  if (out.batches > out.first_batches.size()) {
    // The others side by side: where they lead is the same.
    seen.programs.upgrade->batch = static_cast<std::uint32_t>(left);
    advance();
    VC_TRY(const Plan rest, plan_kept(seen));
    seen = carried_out(rest, seen);
  }
  advance();
  VC_TRY(out.end, go_on());
  return out;
}

Status ReconcileLoop::apply(ApplyRequest request, ApplyListener listener) {
  if (executor_busy_ || is_stopping_ || rollout_.is_under_way()) {
    return Error(ErrorCode::kConflict,
                 "cannot apply now: another apply is running; try again when it has finished");
  }
  const Generation now = deps_.recorded.snapshot().generation;
  if (request.base && *request.base != now) {
    return Error(
        ErrorCode::kConflict,
        fmt::format("cannot apply this plan: it was made for generation {} and the platform "
                    "is at {} now; plan again",
                    request.base->value, now.value));
  }
  VC_TRY(revisions_.check_base(request.base_revision));
  VC_TRY(check_protection(desired_, request.desired));
  Snapshot seen = snapshot_with_drift(RepairedBy::kPerson);
  VC_TRY(Plan plan, plan_seen(request.desired, seen, RepairedBy::kPerson));
  if (request.plan_id && *request.plan_id != plan.id) {
    return Error(ErrorCode::kConflict,
                 "cannot apply this plan: the platform has changed since it was made; plan again");
  }
  if (request.agreement) {
    VC_TRY(check_agreement(plan, severe_acts(seen.platform, request.desired.platform),
                           *request.agreement));
  }
  executor_busy_ = true;
  shown_drift_ = std::move(seen.observed.drift);
  const Revision note{.generation = now,
                      .at = deps_.wall.now(),
                      .who = request.who,
                      .why = request.why,
                      .plan_id = plan.id,
                      .summary = render_plan_summary(plan)};
  run_hooks_before(std::move(request), note, std::move(plan), std::move(listener));
  return ok_status();
}

void ReconcileLoop::cut_short(const Error& why) {
  rollout_.cut_short(why);
  if (executor_busy_ && !deps_.executor.is_running()) {
    cut_ = why;
  }
  deps_.hooks.cancel(why, HookRunner::Whose::kApply);
  deps_.executor.cancel(why);
}

std::optional<Error> ReconcileLoop::take_cut() {
  const std::optional<Error> cut = std::exchange(cut_, std::nullopt);
  return is_stopping_ ? stopping() : cut;
}

ReconcileLoop::ApplyListener ReconcileLoop::noting(ApplyListener listener) {
  listener.on_finished =
      [this, on_finished = std::move(listener.on_finished)](const api::ApplyOutcome& outcome) {
        // What is held back is a part of the newest revision that has not been applied.
        if (outcome.rollout || rollout_.held().empty()) {
          revisions_.note_outcome(outcome);
        }
        on_finished(outcome);
      };
  return listener;
}

void ReconcileLoop::converge(const std::string& who, std::function<void()> done) {
  if (!desired_ || executor_busy_ || is_stopping_) {
    done();
    return;
  }
  Result<Plan> plan = plan_to_keep();
  if (plan.has_error()) {
    deps_.log.error("converge.impossible", {{"error", plan.error()}});
    done();
    return;
  }
  if (plan->empty() && !deps_.executor.has_unrecorded()) {
    if (rollout_.held().empty()) {
      revisions_.note_outcome({});
    }
    done();
    return;
  }
  executor_busy_ = true;
  deps_.log.info("converge", {{"reason", who}, {"action", plan->steps.size()}});
  execute(std::move(*plan),
          noting(ApplyListener{[](const Plan&) {}, [](const api::StepProgress&) {},
                               [done](const api::ApplyOutcome&) { done(); }}));
}

void ReconcileLoop::converge_later(Duration wait) {
  deps_.reactor.call_after(wait, [this] {
    if (deps_.is_locked()) {
      converge_later(kLockedWait);
    } else {
      converge("hourly look", [this] { converge_later(); });
    }
  });
}

Status ReconcileLoop::settle(const std::string& who, ApplyListener listener) {
  if (executor_busy_ || is_stopping_) {
    return Error(ErrorCode::kConflict, "cannot do this now: an apply is running");
  }
  if (!desired_) {
    deps_.reactor.post([listener] { listener.on_finished({}); });
    return ok_status();
  }
  VC_TRY(Plan plan, plan_to_keep());
  executor_busy_ = true;
  deps_.log.info("converge", {{"reason", who}, {"action", plan.steps.size()}});
  execute(std::move(plan), noting(std::move(listener)));
  return ok_status();
}

void ReconcileLoop::when_idle(std::function<void()> act) {
  when_idle_.push_back(std::move(act));
  tell_idle();
}

void ReconcileLoop::tell_idle() {
  // Posted: whoever waits may begin the next apply, and the last one still has to be told.
  if (!executor_busy_ && !when_idle_.empty()) {
    for (std::function<void()>& act : std::exchange(when_idle_, {})) {
      deps_.reactor.post(std::move(act));
    }
  }
}

void ReconcileLoop::stop_everything(std::function<void(const std::string& what)> tell,
                                    std::function<void()> done) {
  is_stopping_ = true;
  // Both looks find what is just being forgotten.
  const auto on_progress =
      [tell = std::move(tell),
       told = std::make_shared<std::set<std::string>>()](const std::string& what) {
        if (told->insert(what).second) {
          tell(what);
        }
      };
  rollout_.cut_short(stopping());
  deps_.hooks.cancel(stopping(), HookRunner::Whose::kAnyone);
  deps_.executor.cancel(stopping());
  // At once, so that a step that waits for an instance does not have to wait for its deadline.
  end_all(on_progress, [this, on_progress, done = std::move(done)] {
    // A step that was under way may have started something meanwhile.
    const auto once_more = [this, on_progress, done] { end_all(on_progress, done); };
    if (executor_busy_) {
      when_idle_.push_back(once_more);
    } else {
      once_more();
    }
  });
}

void ReconcileLoop::end_all(const std::function<void(const std::string&)>& on_progress,
                            std::function<void()> done) {
  auto left = std::make_shared<std::size_t>(1);
  const auto one_less = [left, done = std::move(done)] {
    if (--*left == 0) {
      done();
    }
  };
  for (const InstanceView& view : deps_.instances.observe()) {
    ++*left;
    deps_.instances.stop(view.instance, kStopGrace,
                         [on_progress, one_less, id = view.instance](const Status& stopped) {
                           on_progress(stopped.has_error() ? stopped.error().text()
                                                           : "stopped " + subject_of_instance(id));
                           one_less();
                         });
  }
  const bool had_edge = deps_.edge.observe().running;
  deps_.edge.stop([on_progress, one_less, had_edge](const Status& stopped) {
    if (stopped.has_error() || had_edge) {
      on_progress(stopped.has_error() ? stopped.error().text() : "stopped edge");
    }
    one_less();
  });
}

void ReconcileLoop::on_instance_ready(const InstanceId& instance, ReadyCause cause) {
  deps_.events.add("instance.ready", subject_of_instance(instance),
                   dump_json({{"restarted", cause == ReadyCause::kRestarted},
                              {"tenants", deps_.recorded.tenants_of(instance).size()}}));
  relending_.begin(instance);
  delivery_.begin();
}

void ReconcileLoop::on_instance_exit(const InstanceId& instance, const InstanceExit& exit) {
  deps_.events.add("instance.exited", subject_of_instance(instance),
                   dump_json({{"reason", exit.process ? exit.process->str() : "did not start"},
                              {"error", exit.why.text()},
                              {"attempt", exit.attempt},
                              {"next_try", format_duration(exit.next_try)},
                              {"logs", command_for_logs(instance)}}));
}

void ReconcileLoop::on_instance_failed(const InstanceId& instance, const Error& why) {
  deps_.log.error("instance.failed", {{"instance", instance}, {"error", why}});
  deps_.events.add("instance.failed", subject_of_instance(instance),
                   dump_json({{"error", why.text()}, {"logs", command_for_logs(instance)}}));
}

void ReconcileLoop::on_edge_event(const EdgeEvent& event) {
  deps_.events.add(std::string(name_of(event.kind)), "edge", dump_json({{"reason", event.detail}}));
}

}  // namespace voicectl
