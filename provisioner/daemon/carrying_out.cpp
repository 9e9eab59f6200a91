// SPDX-License-Identifier: Apache-2.0
// How ReconcileLoop has plans carried out, and what is told of it.
#include <fmt/core.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/reconcile_loop.h"

namespace voicectl {
namespace {

/// As kind_of() names the order of a certificate.
constexpr std::string_view kIssueKind = "issue_certificate";

}  // namespace

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
        done(outcome.failed + outcome.skipped == 0 ? ok_status()
                                                   : Status(Error(ErrorCode::kInternal, *error)));
        tell_idle();
      });
  return ok_status();
}

}  // namespace voicectl
