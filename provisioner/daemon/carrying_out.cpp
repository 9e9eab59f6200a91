// SPDX-License-Identifier: Apache-2.0
// How ReconcileLoop has plans carried out, and what is told of it.
#include <fmt/core.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "provisioner/daemon/reconcile_loop.h"

namespace voicectl {
namespace {

/// As kind_of() names the order of a certificate.
constexpr std::string_view kIssueKind = "issue_certificate";

/// What a hook is told of an apply.
Json facts_of(const ReconcileLoop::ApplyRequest& request, const Plan& plan) {
  std::set<std::string> tenants;
  for (const std::optional<TenantId>& tenant : tenants_of_steps(plan)) {
    if (tenant) {
      tenants.insert(tenant->str());
    }
  }
  Json summary = Json::parse(render_plan_summary(plan));
  return {{"who", request.who},
          {"why", request.why},
          {"domain", request.desired.platform.domain},
          {"plan",
           {{"id", plan.id},
            {"base_generation", plan.base.value},
            {"summary", std::move(summary)},
            {"tenants", std::move(tenants)}}}};
}

HookRunner::OnEach told_to(const ApplyListener& listener, const std::string& when) {
  return [on_progress = listener.on_progress, when](const HookSpec& hook, const Status& ended) {
    on_progress(api::StepProgress{
        0, ended.has_error() ? api::StepState::kFailed : api::StepState::kDone, "hook",
        "hook/" + when, fmt::format("run hook {} ({})", command_text(hook), when), 0,
        ended.has_error() ? ended.error().text() : ""});
  };
}

}  // namespace

void ReconcileLoop::not_accepted(const Error& why, const ApplyListener& listener) {
  executor_busy_ = false;
  cut_.reset();  // it was meant for this one
  rollout_.unprepare();
  api::ApplyOutcome outcome;
  outcome.failed = 1;
  outcome.remedy = why.text();
  listener.on_finished(outcome);
  tell_idle();
}

void ReconcileLoop::accepted_only(const Plan& plan,
                                  const Error& why,
                                  const ApplyListener& listener) {
  executor_busy_ = false;
  api::ApplyOutcome outcome;
  outcome.skipped = plan.steps.size();
  outcome.remedy = why.text() +
                   "; what is desired was recorded before, and nothing of it was begun: run "
                   "'voicectl apply' again, with this document or another one";
  listener.on_finished(outcome);
  tell_idle();
}

void ReconcileLoop::run_hooks_before(ApplyRequest request,
                                     Revision note,
                                     Plan plan,
                                     ApplyListener listener) {
  const std::vector<HookSpec> hooks =
      plan.empty() ? std::vector<HookSpec>() : request.desired.platform.hooks.before_apply;
  const Json facts = hooks.empty() ? Json::object() : facts_of(request, plan);
  const HookRunner::OnEach tell = told_to(listener, "before_apply");
  waits_for_hooks_ = true;
  deps_.hooks.run("before_apply", hooks, facts, HookRunner::OnFailure::kStop, tell,
                  [this, request = std::move(request), note = std::move(note),
                   plan = std::move(plan), listener = std::move(listener)](const Status& passed) {
                    waits_for_hooks_ = false;
                    if (const std::optional<Error> cut = take_cut()) {
                      not_accepted(Error(*cut).with_context("nothing was applied"), listener);
                    } else if (passed.has_error()) {
                      not_accepted(passed.error().with_context("nothing was applied"), listener);
                    } else if (plan.base != deps_.recorded.snapshot().generation) {
                      not_accepted(
                          Error(ErrorCode::kConflict,
                                "cannot apply this plan: the platform has changed while hooks ran; "
                                "plan again"),
                          listener);
                    } else {
                      accept(request, note, plan, listener);
                    }
                  });
}

ReconcileLoop::ApplyListener ReconcileLoop::hooking(const ApplyRequest& request,
                                                    const Plan& plan,
                                                    ApplyListener listener) {
  const std::vector<HookSpec>& hooks = request.desired.platform.hooks.after_apply;
  if (hooks.empty() || plan.empty()) {
    return listener;
  }
  ApplyListener out = listener;
  out.on_finished = [this, hooks, facts = facts_of(request, plan),
                     listener = std::move(listener)](const api::ApplyOutcome& outcome) {
    Json told = facts;
    told["outcome"] = {{"done", outcome.done},
                       {"failed", outcome.failed},
                       {"skipped", outcome.skipped},
                       {"undone", outcome.undone}};
    auto failed = std::make_shared<std::size_t>(0);
    const HookRunner::OnEach tell = told_to(listener, "after_apply");
    deps_.hooks.run(
        "after_apply", hooks, told, HookRunner::OnFailure::kGoOn,
        [failed, tell](const HookSpec& hook, const Status& ended) {
          *failed += ended.has_error() ? 1 : 0;
          tell(hook, ended);
        },
        [outcome, failed, listener](const Status&) {  // told one by one
          api::ApplyOutcome with_hooks = outcome;
          with_hooks.hooks_failed = *failed;
          listener.on_finished(with_hooks);
        });
  };
  return out;
}

void ReconcileLoop::accept(const ApplyRequest& request,
                           const Revision& note,
                           Plan plan,
                           ApplyListener listener) {
  const Completion<void> is_stored =
      [this, request, plan, listener = std::move(listener)](const Status& stored) mutable {
        if (stored.has_error()) {
          not_accepted(stored.error(), listener);
          return;
        }
        // From here on it is desired, whatever becomes of its steps.
        desired_ = request.desired;
        ApplyListener followed = noting(hooking(request, plan, std::move(listener)));
        accepted(request, std::move(plan), followed, take_cut());
      };
  const RolloutSpec spec = request.rollout.value_or(request.desired.platform.rollout);
  if (spec.is_plain()) {
    revisions_.accept(request.desired, note, request.owners, is_stored);
    return;
  }
  // Whom it holds back is known before it is desired, whatever ends the daemon in between.
  rollout_.prepare(plan, spec,
                   [this, desired = request.desired, owners = request.owners, note,
                    is_stored](const Status& prepared) mutable {
                     if (const std::optional<Error> cut = take_cut(); cut || prepared.has_error()) {
                       is_stored(cut ? Status(*cut) : prepared);
                     } else {
                       revisions_.accept(desired, note, owners, is_stored);
                     }
                   });
}

void ReconcileLoop::accepted(const ApplyRequest& request,
                             Plan plan,
                             const ApplyListener& listener,
                             const std::optional<Error>& cut) {
  const RolloutSpec spec = request.rollout.value_or(request.desired.platform.rollout);
  if (!spec.is_plain()) {
    executor_busy_ = executor_busy_ && !cut;
    rollout_.begin(plan, listener, cut);
    tell_idle();
    return;
  }
  if (cut) {
    accepted_only(plan, *cut, listener);
    return;
  }
  rollout_.prepare(plan, spec,
                   [this, plan = std::move(plan), listener,
                    moves_at_once = request.moves_at_once](const Status& forgotten) mutable {
                     if (const std::optional<Error> later = take_cut()) {
                       accepted_only(plan, *later, listener);
                     } else if (forgotten.has_error()) {
                       accepted_only(plan, forgotten.error(), listener);
                     } else {
                       execute(std::move(plan), listener, moves_at_once);
                     }
                   });
}

Status ReconcileLoop::carry_out(Plan plan, ApplyListener listener) {
  if (executor_busy_ || is_stopping_) {
    return Error(ErrorCode::kConflict,
                 "cannot do this now: an apply is running; try again when it has finished");
  }
  if (plan.base != deps_.recorded.snapshot().generation) {
    return Error(ErrorCode::kConflict,
                 "cannot do this: the platform has changed since it was planned; plan again");
  }
  executor_busy_ = true;
  execute(std::move(plan), listener);
  return ok_status();
}

void ReconcileLoop::execute(Plan plan, const ApplyListener& listener, std::size_t moves_at_once) {
  listener.on_started(plan);
  const bool has_work = !plan.empty();
  const std::string plan_id = plan.id.substr(0, 12);
  if (has_work) {
    deps_.events.add("apply.started", "plan/" + plan_id, dump_json({{"steps", plan.steps.size()}}));
  }
  if (has_work && desired_) {
    const Snapshot before = snapshot_in_memory();
    deps_.forecasts.begin({plan, *desired_, before, PlanInputs{}, moves_at_once});
  }
  const auto new_ports =
      std::make_shared<const std::map<std::size_t, std::string>>(ports_lost_in(plan));
  // Counted as they come, so that no apply reads every certificate again.
  const auto issued = std::make_shared<std::vector<RecordedCertificate>>();
  const auto finished = [this, listener, has_work, plan_id,
                         issued](const api::ApplyOutcome& outcome) {
    executor_busy_ = false;  // before anyone is told, who may ask for the next apply at once
    api::ApplyOutcome told = outcome;
    if (has_work) {
      Snapshot after = snapshot_in_memory();
      after.observed.certificates = *issued;
      told.compared = deps_.forecasts.end(outcome, after, revisions_.newest());
      deps_.events.add("apply.finished", "plan/" + plan_id,
                       dump_json({{"done", outcome.done},
                                  {"failed", outcome.failed},
                                  {"skipped", outcome.skipped},
                                  {"undone", outcome.undone}}));
    }
    listener.on_finished(told);
    if (!executor_busy_) {
      relending_.mend();
    }
    delivery_.begin();
    tell_idle();
  };
  deps_.executor.run(
      std::move(plan),
      [this, listener, new_ports, issued](const api::StepProgress& progress) {
        deps_.forecasts.hear(progress);
        if (progress.state == api::StepState::kDone && progress.kind == kIssueKind) {
          issued->push_back({progress.subject, deps_.wall.now()});
        }
        const auto lost = new_ports->find(progress.number);
        if (progress.state == api::StepState::kDone && lost != new_ports->end()) {
          deps_.events.add("tenant.port_lost", progress.subject, lost->second);
        }
        if (progress.state == api::StepState::kFailed) {
          deps_.events.add("action.failed", progress.subject,
                           dump_json({{"action", progress.kind}, {"error", progress.error}}));
        }
        if (!progress.note.empty()) {
          deps_.events.add("action.incomplete", progress.subject,
                           dump_json({{"action", progress.kind}, {"reason", progress.note}}));
        }
        listener.on_progress(progress);
      },
      finished, moves_at_once);
}

/// What is told of tenants that get another port, when they have it.
std::map<std::size_t, std::string> ReconcileLoop::ports_lost_in(const Plan& plan) const {
  std::map<std::size_t, std::string> out;
  for (const Step& step : plan.steps) {
    const auto* const bind = std::get_if<BindListener>(&step.action);
    const RecordedTenant* const tenant =
        bind == nullptr ? nullptr : deps_.recorded.find_tenant(bind->tenant);
    if (tenant != nullptr && tenant->port && *tenant->port != bind->port) {
      out.emplace(step.number, dump_json({{"port", tenant->port->value()},
                                          {"next", bind->port.value()},
                                          {"reason", step.reason}}));
    }
  }
  return out;
}

Status ReconcileLoop::run_single(const Action& action, std::string reason, Completion<void> done) {
  if (executor_busy_ || is_stopping_) {
    return Error(ErrorCode::kConflict,
                 "cannot do this now: an apply is running; try again when it has finished");
  }
  executor_busy_ = true;
  Plan plan;
  plan.base = deps_.recorded.snapshot().generation;
  plan.id = fmt::format("single-{}-{}", kind_of(action), plan.base.value);
  plan.steps.push_back(Step{0, action, std::move(reason), {}, plan.id});
  auto error = std::make_shared<std::string>();
  deps_.executor.run(
      std::move(plan),
      [error](const api::StepProgress& progress) {
        if (!progress.error.empty()) {
          *error = progress.error;
        }
      },
      [this, error, done = std::move(done)](const api::ApplyOutcome& outcome) {
        executor_busy_ = false;
        const bool is_done = outcome.failed + outcome.skipped == outcome.unrecorded;
        done(is_done ? ok_status() : Status(Error(ErrorCode::kInternal, *error)));
        delivery_.begin();
        tell_idle();
      });
  return ok_status();
}

}  // namespace voicectl
