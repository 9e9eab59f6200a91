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

template <typename Number>
Json optional_json(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

Json load_json(const LoadView& load, const TenantId& tenant) {
  const auto found = load.tenants.find(tenant);
  const TenantLoad seen = found == load.tenants.end() ? TenantLoad{} : found->second;
  return {{"sessions", seen.sessions},
          {"websockets", seen.websockets},
          {"requests_per_s", optional_json(seen.requests_per_s)},
          {"events_per_s", optional_json(seen.events_per_s)},
          {"cpu_milli", optional_json(seen.cpu_milli)},
          {"p50_ms", optional_json(seen.p50_ms)},
          {"p95_ms", optional_json(seen.p95_ms)},
          {"p99_ms", optional_json(seen.p99_ms)},
          {"in_flight", optional_json(seen.in_flight)},
          {"received_per_s", optional_json(seen.received_per_s)},
          {"sent_per_s", optional_json(seen.sent_per_s)},
          {"memory_bytes", optional_json(seen.memory_bytes)}};
}

Json owner_json(std::string_view field, const FieldClaim& claim) {
  return {{"field", field},
          {"owner", name_of(FieldOwner::kCommandLine)},
          {"who", claim.who},
          {"why", claim.why},
          {"at", format_wall_time(claim.at)},
          {"revision", claim.revision}};
}

/// Fields of a tenant that are not the file's, and what the monitor decides for it.
Json owners_json(const RecordedTenant& tenant, const FieldOwners& owners) {
  Json out = Json::array();
  if (const auto found = owners.find(tenant.spec.tenant.str()); found != owners.end()) {
    for (const auto& [field, claim] : found->second) {
      out.push_back(owner_json(field == kWholeTenant ? "tenant" : field, claim));
    }
  }
  if (tenant.spec.tier == Tier::kAuto) {
    const std::optional<PromotionWish>& wish = tenant.wish;
    out.push_back({{"field", "placement"},
                   {"owner", name_of(FieldOwner::kMonitor)},
                   {"why", wish ? wish->reason : ""},
                   {"at", wish ? Json(format_wall_time(wish->since)) : Json()}});
  }
  return out;
}

std::uint32_t missed_of(const std::map<InstanceId, std::uint32_t>& missed,
                        const InstanceId& instance) {
  const auto found = missed.find(instance);
  return found == missed.end() ? 0 : found->second;
}

}  // namespace

Json StatusView::version() const {
  return {{"version", deps_.version},
          {"api", api::kVersion},
          {"schema", kApiVersion},
          {"epoch", deps_.recorded.snapshot().epoch.value},
          {"pid", deps_.pid}};
}

Json StatusView::drift_json() const {
  std::size_t found = 0;
  std::size_t adopted = 0;
  for (const DriftFinding& finding : deps_.drift.last()) {
    ++(finding.adopted ? adopted : found);
  }
  return {{"found", found}, {"adopted", adopted}};
}

Json StatusView::host_json() const {
  const HostUsage host = deps_.host();
  const auto bytes = [](const std::optional<Bytes>& value) {
    return value ? Json(value->count) : Json();
  };
  return {{"processors", host.processors},      {"load", optional_json(host.load)},
          {"memory_bytes", bytes(host.memory)}, {"memory_available_bytes", bytes(host.memory_free)},
          {"disk_bytes", bytes(host.disk)},     {"disk_available_bytes", bytes(host.disk_free)}};
}

Json StatusView::status() const {
  const Snapshot snapshot = deps_.loop.snapshot();
  const EdgeObservation edge = deps_.edge.observe();
  const std::uint64_t looks = deps_.drift.looks();
  Json pending = Json::array();
  if (const std::optional<DesiredState>& desired = deps_.loop.desired();
      desired && !deps_.loop.is_busy()) {
    if (const Result<Plan> plan = deps_.loop.plan(*desired); plan.has_value()) {
      for (const Step& step : plan->steps) {
        pending.push_back(describe(step.action));
      }
    }
  }
  if (deps_.drift.looks() == looks) {  // whoever plans has looked
    deps_.drift.look(snapshot);
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
  edge_json["probes"] = {{"answered", deps_.edge_watch.answered()},
                         {"failed", deps_.edge_watch.failed()},
                         {"unreachable", deps_.edge_watch.unreachable()}};
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
          {"host", host_json()},
          {"generation", snapshot.generation.value},
          {"edge", edge_json},
          {"counts",
           {{"tenants", snapshot.tenants.size()},
            {"instances", deps_.instances.observe().size()},
            {"sessions", sessions}}},
          {"heartbeats", {{"silent", deps_.missed_heartbeats().size()}}},
          {"applying", deps_.loop.is_busy()},
          {"pending", pending},
          {"drift", drift_json()},
          {"rollout", deps_.loop.rollout().status()},
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
  for (const auto& [instance, count] : deps_.missed_heartbeats()) {
    out.push_back(fmt::format("instance '{}' has not answered {} heartbeat{} in a row",
                              instance.str(), count, count == 1 ? "" : "s"));
  }
  for (const auto& [tenant, sight] : deps_.edge_watch.seen()) {
    if (deps_.edge_watch.is_unreachable(sight)) {
      out.push_back(
          fmt::format("tenant '{}' has not answered {} questions through the edge in a row: {}",
                      tenant.str(), sight.missed, sight.why));
    } else if (sight.missed == 0 && !sight.why.empty()) {
      out.push_back(fmt::format("tenant '{}', asked through the edge: {}; see its logs",
                                tenant.str(), sight.why));
    }
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
      {"cpu_percent", optional_json(seen.cpu_percent)},
      {"rss_bytes", optional_json(seen.rss_bytes)},
      {"pss_bytes", optional_json(seen.pss_bytes)},
      {"threads", optional_json(seen.threads)},
      {"descriptors", optional_json(seen.descriptors)},
      {"loop_lag_ms", optional_json(seen.loop_lag_ms)},
      {"uptime_s",
       view.process_began ? Json(seconds_since(*view.process_began, deps_.clock.now())) : Json()},
      {"restarts", view.restarts},
      {"missed_heartbeats", missed_of(deps_.missed_heartbeats(), view.instance)},
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
  Json out = {{"tenant", tenant.spec.tenant.str()},
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
              {"promoted", tenant.wish.has_value()},
              {"created_at", format_wall_time(tenant.created_at)}};
  out.update(load_json(load, tenant.spec.tenant));
  return out;
}

Json StatusView::load_of(const TenantId& tenant) const {
  return load_json(deps_.load(), tenant);
}

Json StatusView::tenants() const {
  Json list = Json::array();
  const LoadView load = deps_.load();
  for (const auto& [name, tenant] : deps_.recorded.snapshot().tenants) {
    list.push_back(describe_tenant(tenant, load));
  }
  return {{"tenants", list}};
}

std::optional<Json> StatusView::tenant(const TenantId& tenant) const {
  const RecordedTenant* const found = deps_.recorded.find_tenant(tenant);
  if (found == nullptr) {
    return std::nullopt;
  }
  Json out = describe_tenant(*found, deps_.load());
  // The text was rendered by us: it parses.
  out["spec"] = Json::parse(render_tenant(found->spec));
  out["owners"] = owners_json(*found, deps_.loop.owners());
  return out;
}

Json StatusView::desired() const {
  const std::optional<DesiredState>& desired = deps_.loop.desired();
  return {{"generation", deps_.recorded.snapshot().generation.value},
          {"revision", deps_.loop.revision()},
          {"document", desired ? Json(render_desired_state(*desired)) : Json()}};
}

}  // namespace voicectl
