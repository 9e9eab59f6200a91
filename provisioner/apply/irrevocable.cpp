// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/irrevocable.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <optional>
#include <string_view>

namespace voicectl {
namespace {

using Why = std::optional<std::string>;

/// What the instance erases as soon as it is told, and no longer retention brings back.
Why erased_by(const UpdateTenant& update, const Snapshot& before) {
  const auto recorded = before.tenants.find(update.spec.tenant);
  if (recorded == before.tenants.end()) {
    return std::nullopt;
  }
  const RetentionSpec& now = update.spec.retention;
  const RetentionSpec& then = recorded->second.spec.retention;
  std::vector<std::string> shorter;
  const auto look = [&](std::string_view what, std::uint32_t days, std::uint32_t days_then) {
    if (days < days_then) {
      shorter.push_back(fmt::format("{} older than {} days", what, days));
    }
  };
  look("sessions", now.session_days, then.session_days);
  look("events", now.event_days, then.event_days);
  look("webhooks", now.webhook_days, then.webhook_days);
  return shorter.empty() ? Why() : Why(fmt::format("{} are erased", fmt::join(shorter, ", ")));
}

/// Absent: another plan can take it back.
Why why_not_undone(const Action& action, const Snapshot& before, const EffectForecast& forecast) {
  const auto can_be = [](const auto&) { return Why(); };
  return std::visit(
      Overload{
          [&](const SetPlatform& a) { return can_be(a); },
          [](const InstallKey&) { return Why("the key that was installed before is overwritten"); },
          [&](const CreateTenant& a) { return can_be(a); },
          [&](const UpdateTenant& a) { return erased_by(a, before); },
          [](const DeleteTenant&) {
            return Why("its API keys are erased (its data are kept until they are purged)");
          },
          [&](const RecordWish& a) { return can_be(a); },
          [&](const PrepareTenantData& a) { return can_be(a); },
          [&](const RetireTenantData& a) { return can_be(a); },
          [&](const StartInstance& a) { return can_be(a); },
          [&](const StopInstance& a) { return can_be(a); },
          [&](const RetireInstance& a) { return can_be(a); },
          [&](const SetPrograms& a) { return can_be(a); },
          [&](const BindListener& a) { return can_be(a); },
          [](const ReleaseListener&) {
            return Why("its port rests for ten minutes: it would get another one");
          },
          [&](const LendListener& a) { return can_be(a); },
          [](const ReclaimListener&) { return Why("its live sessions end"); },
          [&](const IssueCertificate& a) {
            return forecast.limit.orders
                       ? Why("the order counts against the limit of " + forecast.limit.authority)
                       : can_be(a);
          },
          [](const RemoveCertificate&) {
            return Why("its private key is erased: another one would be ordered");
          },
          [&](const PublishEdge& a) {
            return forecast.stranded > 0
                       ? Why("WebSockets that its old workers hold are not taken over by the "
                             "new ones")
                       : can_be(a);
          },
          [&](const PublishRoute& a) { return can_be(a); },
          [&](const WithdrawRoute& a) { return can_be(a); },
          [&](const RestoreFiles& a) { return can_be(a); },  // what it replaces is kept
          [](const EndProcess&) { return Why("what the process holds is gone with it"); },
          [&](const RecordAdoption& a) { return can_be(a); }},
      action);
}

}  // namespace

std::vector<Irrevocable> irrevocable_in(const Plan& plan,
                                        const Snapshot& before,
                                        const EffectForecast& forecast) {
  std::vector<Irrevocable> out;
  for (const Step& step : plan.steps) {
    if (Why why = why_not_undone(step.action, before, forecast)) {
      out.push_back(Irrevocable{subject_of(step.action), std::move(*why)});
    }
  }
  for (const TenantForecast& tenant : forecast.tenants) {
    if (tenant.fate == SessionFate::kDrop && tenant.to) {
      out.push_back(Irrevocable{"tenant/" + tenant.tenant.str(),
                                "WebSockets that are closed come again only if their clients do"});
    }
  }
  return out;
}

}  // namespace voicectl
