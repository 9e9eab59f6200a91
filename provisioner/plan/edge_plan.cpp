// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/edge_plan.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "provisioner/plan/drift_plan.h"

namespace voicectl {
namespace {

/// Whether what is on disk, or what is served, is to be another configuration.
bool is_due(const PlanContext& context) {
  const Snapshot& snapshot = context.snapshot();
  const std::string& wanted = context.inputs().edge_fingerprint;
  if (!wanted.empty() && snapshot.adoptions.contains(std::string(kEdgeFileName))) {
    // It is kept as it is, as long as it is there: started if it does not run, and not written
    // over.
    const DriftFinding* const drift = context.find_edge_drift();
    return snapshot.observed.edge_fingerprint.empty() ||
           (drift != nullptr && drift->kind != DriftKind::kEdited);
  }
  return snapshot.edge_fingerprint != wanted || snapshot.observed.edge_fingerprint != wanted ||
         context.find_edge_drift() != nullptr;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string why_publish(const PlanContext& context) {
  const Snapshot& snapshot = context.snapshot();
  const std::string& wanted = context.inputs().edge_fingerprint;
  if (wanted.empty()) {
    return "edge.mode is none";
  }
  if (snapshot.edge_fingerprint.empty()) {
    return "no edge configuration was published yet";
  }
  if (snapshot.edge_fingerprint != wanted) {
    return fmt::format("the edge configuration changes from {} to {}", snapshot.edge_fingerprint,
                       wanted);
  }
  if (snapshot.observed.edge_fingerprint.empty()) {
    return "drift: the edge does not run";
  }
  if (snapshot.adoptions.contains(std::string(kEdgeFileName))) {
    return drift_reason({context.find_edge_drift()});
  }
  if (snapshot.observed.edge_fingerprint != wanted) {
    return fmt::format("drift: the edge serves configuration {} and not {}",
                       snapshot.observed.edge_fingerprint, wanted);
  }
  return drift_reason({context.find_edge_drift()});
}

std::string why_route(const RecordedTenant* recorded, const std::vector<std::string>& hosts) {
  if (recorded == nullptr || recorded->routes.empty()) {
    return "it is not announced yet";
  }
  if (recorded->routes == hosts) {
    return fmt::format("it is {}", name_of(recorded->phase));
  }
  return fmt::format("it is announced as {}", fmt::join(recorded->routes, ", "));
}

}  // namespace

std::vector<std::string> hosts_of_tenant(const PlatformSpec& platform, const TenantSpec& spec) {
  std::vector<std::string> hosts = {spec.tenant.str() + "." + platform.domain};
  for (const HostName& domain : spec.domains) {
    hosts.push_back(domain.str());
  }
  return hosts;
}

std::size_t reloads_of(const std::vector<Step>& steps, const Snapshot& before) {
  const auto is_rewritten = [](const DriftFinding& finding) {
    return finding.repair == DriftRepair::kPublishEdge && !finding.is_held;
  };
  const std::vector<DriftFinding>& drift = before.observed.drift;
  bool is_due = std::any_of(drift.begin(), drift.end(), is_rewritten);
  std::string served = before.observed.edge_fingerprint;
  std::size_t reloads = 0;
  for (const Step& step : steps) {
    if (const auto* const publish = std::get_if<PublishEdge>(&step.action)) {
      is_due = is_due || publish->fingerprint != served;
      reloads += is_due && !served.empty() && !publish->fingerprint.empty() ? 1 : 0;
      served = publish->fingerprint;
      is_due = false;
    }
  }
  return reloads;
}

EdgePlan::EdgePlan(PlanContext& context) : context_(context) {
  for (const auto& [tenant, recorded] : context.snapshot().tenants) {
    for (const std::string& host : recorded.routes) {
      owners_.emplace(host, tenant);
    }
  }
  const std::optional<StepRef> wildcard =
      plan_certificate("*." + context.desired().platform.domain);
  if (is_due(context)) {
    const bool is_kept = context.snapshot().adoptions.contains(std::string(kEdgeFileName)) &&
                         !context.inputs().edge_fingerprint.empty();
    publish_ = context.draft.add(PublishEdge{is_kept ? context.snapshot().edge_fingerprint
                                                     : context.inputs().edge_fingerprint},
                                 why_publish(context));
    context.draft.need(*publish_, wildcard);
  }
}

bool EdgePlan::is_static() const {
  return context_.desired().platform.edge.mode == EdgeMode::kStatic;
}

std::optional<StepRef> EdgePlan::plan_certificate(const std::string& name) {
  if (context_.desired().platform.edge.mode == EdgeMode::kNone) {
    return std::nullopt;
  }
  const std::optional<WallTime> end = context_.certificate_end(name);
  if (!end) {
    return context_.draft.add(IssueCertificate{name}, "there is none on disk");
  }
  if (*end < context_.now() + context_.inputs().renew_before) {
    return context_.draft.add(
        IssueCertificate{name},
        fmt::format("it ends at {}, less than {} from now", format_wall_time(*end),
                    format_duration(context_.inputs().renew_before)));
  }
  return std::nullopt;
}

void EdgePlan::plan_tenant(const TenantSpec& spec, const std::vector<StepRef>& after) {
  std::map<std::string, StepRef> first_certificates;
  for (const HostName& domain : spec.domains) {
    const std::optional<StepRef> issue = plan_certificate(domain.str());
    if (!issue) {
      continue;
    }
    if (!is_static()) {
      // A challenge over HTTP is answered by the edge.
      context_.draft.need(*issue, publish_);
    }
    if (!context_.certificate_end(domain.str())) {
      first_certificates.emplace(domain.str(), *issue);
      note_change_of_tenants(*issue);
    }
  }
  const std::vector<std::string> hosts = hosts_of_tenant(context_.desired().platform, spec);
  const RecordedTenant* const recorded = context_.find_recorded(spec.tenant);
  if (recorded == nullptr || recorded->phase != TenantPhase::kServing ||
      recorded->routes != hosts) {
    route(spec, hosts, first_certificates, after);
  }
}

void EdgePlan::route(const TenantSpec& spec,
                     const std::vector<std::string>& hosts,
                     const std::map<std::string, StepRef>& certificates,
                     const std::vector<StepRef>& after) {
  const RecordedTenant* const recorded = context_.find_recorded(spec.tenant);
  const std::vector<std::string> present =
      recorded != nullptr ? recorded->routes : std::vector<std::string>();
  std::vector<std::string> at_once;
  std::vector<StepRef> before_last = after;
  std::vector<TenantId> owners;
  for (const std::string& host : hosts) {
    const auto owner = owners_.find(host);
    const auto issue = certificates.find(host);
    if (owner != owners_.end() && owner->second != spec.tenant) {
      owners.push_back(owner->second);
    } else if (issue == certificates.end() || contains(present, host)) {
      at_once.push_back(host);
      continue;
    }
    if (issue != certificates.end()) {
      before_last.push_back(issue->second);
    }
  }
  const bool is_announced = recorded != nullptr && recorded->phase == TenantPhase::kServing;
  if (at_once != hosts && (at_once != present || !is_announced)) {
    before_last.push_back(add_route(spec.tenant, at_once, "its other hosts have to wait", after));
  }
  const StepRef last = add_route(spec.tenant, hosts, why_route(recorded, hosts), before_last);
  for (const TenantId& owner : owners) {
    waits_.push_back(Wait{last, owner});
  }
}

StepRef EdgePlan::add_route(const TenantId& tenant,
                            const std::vector<std::string>& hosts,
                            std::string reason,
                            const std::vector<StepRef>& after) {
  const StepRef step = context_.draft.add(PublishRoute{tenant, hosts}, std::move(reason), after);
  context_.draft.need(step, publish_);
  releases_.emplace(tenant, step);
  return step;
}

void EdgePlan::note_withdrawal(const TenantId& tenant, StepRef step) {
  releases_.emplace(tenant, step);
  note_change_of_tenants(step);
}

void EdgePlan::note_change_of_tenants(StepRef step) {
  if (publishes_tenants()) {
    context_.draft.need(*publish_, step);
  }
}

std::optional<StepRef> EdgePlan::after_withdrawal() const {
  return is_static() ? publish_ : std::nullopt;
}

void EdgePlan::finish() {
  for (const Wait& wait : waits_) {
    const auto release = releases_.find(wait.owner);
    if (release != releases_.end()) {
      context_.draft.need(wait.step, release->second);
    }
  }
  remove_certificates();
}

void EdgePlan::remove_certificates() {
  const DesiredState& desired = context_.desired();
  std::set<std::string> wanted = {"*." + desired.platform.domain};
  for (const TenantSpec& tenant : desired.tenants) {
    for (const HostName& domain : tenant.domains) {
      wanted.insert(domain.str());
    }
  }
  for (const RecordedCertificate& known : context_.snapshot().observed.certificates) {
    if (wanted.contains(known.name)) {
      continue;
    }
    const StepRef step =
        context_.draft.add(RemoveCertificate{known.name}, "no desired name is served with it");
    // While the edge still announces the name a handshake must find its certificate.
    context_.draft.need(step, publish_);
    if (const auto owner = owners_.find(known.name); owner != owners_.end()) {
      const auto release = releases_.find(owner->second);
      context_.draft.need(
          step, release == releases_.end() ? std::nullopt : std::optional(release->second));
    }
  }
}

}  // namespace voicectl
