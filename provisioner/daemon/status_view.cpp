// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/status_view.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "provisioner/api/control_protocol.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

std::int64_t seconds_since(MonoTime since, MonoTime now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now - since).count();
}

Json optional_json(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json();
}

}  // namespace

Json StatusView::version() const {
  return {{"version", deps_.version},
          {"api", api::kVersion},
          {"schema", kApiVersion},
          {"epoch", deps_.loop.snapshot().epoch.value},
          {"pid", deps_.pid}};
}

Json StatusView::status() const {
  const Snapshot snapshot = deps_.loop.snapshot();
  const EdgeObservation edge = deps_.edge.observe();
  Json pending = Json::array();
  if (const std::optional<DesiredState>& desired = deps_.loop.desired();
      desired && !deps_.loop.is_busy()) {
    if (const Result<Plan> plan = deps_.loop.plan(*desired); plan.has_value()) {
      for (const Step& step : plan->steps) {
        pending.push_back(describe(step.action));
      }
    }
  }
  std::uint64_t sessions = 0;
  for (const auto& [tenant, seen] : deps_.load().tenants) {
    sessions += seen.sessions;
  }
  Json platform;
  Json edge_json = {{"mode", "none"}, {"running", edge.running}, {"reloads", edge.reloads}};
  if (snapshot.platform) {
    platform = {{"domain", snapshot.platform->domain},
                {"ultravox", snapshot.platform->ultravox.endpoint}};
    edge_json["mode"] = name_of(snapshot.platform->edge.mode);
    edge_json["http"] = snapshot.platform->edge.http_port;
    edge_json["https"] = snapshot.platform->edge.https_port;
  }
  if (edge.process) {
    edge_json["pid"] = edge.process->pid;
  }
  return {{"daemon",
           {{"version", deps_.version},
            {"pid", deps_.pid},
            {"epoch", snapshot.epoch.value},
            {"uptime_s", seconds_since(started_, deps_.clock.now())},
            {"user", deps_.user},
            {"state", deps_.paths.state},
            {"run", deps_.paths.run},
            {"log", deps_.paths.log}}},
          {"platform", platform},
          {"generation", snapshot.generation.value},
          {"edge", edge_json},
          {"counts",
           {{"tenants", snapshot.tenants.size()},
            {"instances", deps_.instances.observe().size()},
            {"sessions", sessions}}},
          {"applying", deps_.loop.is_busy()},
          {"pending", pending},
          {"problems", problems(snapshot)}};
}

std::vector<std::string> StatusView::problems(const Snapshot& snapshot) const {
  std::vector<std::string> out;
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state == InstanceState::kReady) {
      continue;
    }
    out.push_back(fmt::format("instance '{}' is {}{}", view.instance.str(), name_of(view.state),
                              view.last_error ? ": " + view.last_error->text() : ""));
  }
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.phase != TenantPhase::kServing) {
      out.push_back(fmt::format("tenant '{}' is {}; run 'voicectl apply' to go on", name.str(),
                                name_of(tenant.phase)));
    } else if (!tenant.placement) {
      out.push_back(
          fmt::format("tenant '{}' is served by no instance; run 'voicectl apply'", name.str()));
    }
  }
  for (const auto& [name, why] : snapshot.observed.unserved) {
    out.push_back(fmt::format(
        "tenant '{}' was not taken by its instance, which is asked again; 'voicectl apply' writes "
        "anew what it reads: {}",
        name.str(), why));
  }
  for (const auto& [name, generation] : snapshot.observed.outdated) {
    const std::string why = deps_.loop.why_outdated(name);
    out.push_back(
        fmt::format("tenant '{}' goes on with configuration {} until its instance takes the "
                    "recorded one ({}), which is asked again{}",
                    name.str(), generation.value, snapshot.tenants.at(name).generation.value,
                    why.empty() ? "" : ": " + why));
  }
  for (const TenantId& name : deps_.loop.keys().tenants_with(TenantFiles::KeyState::kUnreadable)) {
    out.push_back(fmt::format(
        "the credentials of tenant '{}' in '{}' cannot be read or are empty; those that "
        "were installed before stay in use",
        name.str(), snapshot.tenants.at(name).spec.backend.credentials_file));
  }
  if (deps_.loop.keys().look_at_platform() == TenantFiles::KeyState::kUnreadable) {
    out.push_back(
        fmt::format("the Ultravox key in '{}' cannot be read or is empty; the one that was "
                    "installed before stays in use",
                    snapshot.platform->ultravox.api_key_file));
  }
  const bool wants_edge = snapshot.platform && snapshot.platform->edge.mode != EdgeMode::kNone;
  if (wants_edge && !deps_.edge.observe().running) {
    out.push_back("the edge does not run; see '" + deps_.paths.log + "/edge/error.log'");
  }
  return out;
}

Json StatusView::describe_instance(const InstanceView& view, const LoadView& load) const {
  const auto found = load.instances.find(view.instance);
  const InstanceLoad seen = found == load.instances.end() ? InstanceLoad{} : found->second;
  Json tenants = Json::array();
  for (const auto& [tenant, lent] : view.tenants) {
    tenants.push_back(tenant.str());
  }
  return {
      {"instance", view.instance.str()},
      {"kind", name_of(view.kind)},
      {"state", name_of(view.state)},
      {"pid", view.process ? Json(view.process->pid) : Json()},
      {"port", view.admin_port.value()},
      {"tenants", view.tenants.size()},
      {"tenant_names", tenants},
      {"sessions", seen.sessions},
      {"cpu_percent", seen.cpu_percent ? Json(*seen.cpu_percent) : Json()},
      {"rss_bytes", optional_json(seen.rss_bytes)},
      {"uptime_s",
       view.process_began ? Json(seconds_since(*view.process_began, deps_.clock.now())) : Json()},
      {"restarts", view.restarts},
      {"version", view.version}};
}

Json StatusView::instances() const {
  Json list = Json::array();
  const LoadView load = deps_.load();
  for (const InstanceView& view : deps_.instances.observe()) {
    list.push_back(describe_instance(view, load));
  }
  return {{"instances", list}};
}

Json StatusView::describe_tenant(const RecordedTenant& tenant, const LoadView& load) const {
  const auto found = load.tenants.find(tenant.spec.tenant);
  const TenantLoad seen = found == load.tenants.end() ? TenantLoad{} : found->second;
  return {{"tenant", tenant.spec.tenant.str()},
          {"name", tenant.spec.name},
          {"business_type", name_of(tenant.spec.business_type)},
          {"plan", name_of(tenant.spec.plan)},
          {"tier", name_of(tenant.spec.tier)},
          {"phase", name_of(tenant.phase)},
          {"instance", tenant.placement ? Json(tenant.placement->str()) : Json()},
          {"port", tenant.port ? Json(tenant.port->value()) : Json()},
          {"socket", deps_.paths.tenant_socket(tenant.spec.tenant)},
          {"hosts", tenant.routes},
          {"generation", tenant.generation.value},
          {"sessions", seen.sessions},
          {"websockets", seen.websockets},
          {"requests_per_s", seen.requests_per_s ? Json(*seen.requests_per_s) : Json()},
          {"cpu_milli", seen.cpu_milli ? Json(*seen.cpu_milli) : Json()},
          {"promoted", tenant.wish.has_value()},
          {"created_at", format_wall_time(tenant.created_at)}};
}

Json StatusView::tenants() const {
  Json list = Json::array();
  const LoadView load = deps_.load();
  for (const auto& [name, tenant] : deps_.loop.snapshot().tenants) {
    list.push_back(describe_tenant(tenant, load));
  }
  return {{"tenants", list}};
}

std::optional<Json> StatusView::tenant(const TenantId& tenant) const {
  const Snapshot snapshot = deps_.loop.snapshot();
  const auto found = snapshot.tenants.find(tenant);
  if (found == snapshot.tenants.end()) {
    return std::nullopt;
  }
  Json out = describe_tenant(found->second, deps_.load());
  // The text was rendered by us: it parses.
  out["spec"] = Json::parse(render_tenant(found->second.spec));
  return out;
}

Json StatusView::desired() const {
  const std::optional<DesiredState>& desired = deps_.loop.desired();
  return {{"generation", deps_.loop.snapshot().generation.value},
          {"revision", deps_.loop.revision()},
          {"document", desired ? Json(render_desired_state(*desired)) : Json()}};
}

}  // namespace voicectl
