// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/plan/action.h"

namespace voicectl {
namespace {

/// A tenant's document may hold a menu of thousands of items.
constexpr JsonBudget kActionBudget{.bytes = 16U << 20, .depth = 16, .nodes = 100'000};

Json of_tenant(const TenantId& tenant) {
  return {{"tenant", tenant.str()}};
}

Json of_lend(const LendListener& a) {
  Json out = {{"tenant", a.tenant.str()}, {"instance", a.instance.str()}};
  if (a.from) {
    out["from"] = a.from->str();
  }
  return out;
}

Json of_programs(const SetPrograms& a) {
  Json fates = Json::object();
  for (const auto& [instance, fate] : a.fates) {
    fates[instance.str()] = name_of(fate);
  }
  return {{"programs", render_programs(a.programs)}, {"fates", fates}};
}

Json of_adoption(const RecordAdoption& a) {
  Json out = {{"name", a.name}};
  if (a.adoption) {
    out["adoption"] = {{"state", a.adoption->state},
                       {"who", a.adoption->who},
                       {"why", a.adoption->why},
                       {"at_ms", a.adoption->at.time_since_epoch().count()}};
  }
  return out;
}

/// What the handler needs. Documents stay text: they have their own reader, with its own checks.
Json content_of(const Action& action) {
  return std::visit(
      Overload{
          [](const SetPlatform& a) {
            return Json{{"platform", render_platform(a.platform)}};
          },
          [](const InstallKey& a) { return a.tenant ? of_tenant(*a.tenant) : Json::object(); },
          [](const CreateTenant& a) {
            return Json{{"spec", render_tenant(a.spec)}};
          },
          [](const UpdateTenant& a) {
            return Json{{"spec", render_tenant(a.spec)}, {"generation", a.generation.value}};
          },
          [](const DeleteTenant& a) { return of_tenant(a.tenant); },
          [](const RecordWish& a) {
            return Json{{"tenant", a.tenant.str()},
                        {"reason", a.reason ? Json(*a.reason) : Json()}};
          },
          [](const PrepareTenantData& a) {
            return Json{{"tenant", a.tenant.str()}, {"generation", a.generation.value}};
          },
          [](const RetireTenantData& a) { return of_tenant(a.tenant); },
          [](const StartInstance& a) {
            return Json{{"instance", a.instance.str()},
                        {"instance_kind", name_of(a.kind)},
                        {"admin_port", a.admin_port.value()},
                        {"fingerprint", a.fingerprint}};
          },
          [](const StopInstance& a) {
            return Json{{"instance", a.instance.str()}};
          },
          [](const RetireInstance& a) {
            return Json{{"instance", a.instance.str()}};
          },
          [](const SetPrograms& a) { return of_programs(a); },
          [](const BindListener& a) {
            return Json{{"tenant", a.tenant.str()}, {"port", a.port.value()}};
          },
          [](const ReleaseListener& a) { return of_tenant(a.tenant); },
          [](const LendListener& a) { return of_lend(a); },
          [](const ReclaimListener& a) {
            return Json{{"tenant", a.tenant.str()}, {"instance", a.instance.str()}};
          },
          [](const IssueCertificate& a) {
            return Json{{"name", a.name}};
          },
          [](const RemoveCertificate& a) {
            return Json{{"name", a.name}};
          },
          [](const PublishEdge& a) {
            return Json{{"fingerprint", a.fingerprint}};
          },
          [](const PublishRoute& a) {
            return Json{{"tenant", a.tenant.str()}, {"hosts", a.hosts}};
          },
          [](const WithdrawRoute& a) { return of_tenant(a.tenant); },
          [](const RestoreFiles& a) { return a.tenant ? of_tenant(*a.tenant) : Json::object(); },
          [](const EndProcess& a) {
            return Json{{"pid", a.pid}, {"start_ticks", a.start_ticks}};
          },
          [](const RecordAdoption& a) { return of_adoption(a); }},
      action);
}

Result<TenantId> tenant_in(const Json& json) {
  VC_TRY(const std::string text, require_string(json, "tenant"));
  return TenantId::parse(text);
}

Result<InstanceId> instance_in(const Json& json, std::string_view key) {
  VC_TRY(const std::string text, require_string(json, key));
  return InstanceId::parse(text);
}

Result<Port> port_in(const Json& json, std::string_view key) {
  VC_TRY(const std::int64_t number, require_integer(json, key));
  return Port::make(number);
}

Result<Generation> generation_in(const Json& json) {
  VC_TRY(const std::int64_t number, require_integer(json, "generation"));
  return Generation{static_cast<std::uint64_t>(number)};
}

Result<TenantSpec> spec_in(const Json& json) {
  VC_TRY(const std::string text, require_string(json, "spec"));
  return parse_tenant(text);
}

Result<Action> read_set_platform(const Json& json) {
  VC_TRY(const std::string text, require_string(json, "platform"));
  VC_TRY(PlatformSpec platform, parse_platform(text));
  return Action(SetPlatform{std::move(platform)});
}

Result<Action> read_create_tenant(const Json& json) {
  VC_TRY(TenantSpec spec, spec_in(json));
  return Action(CreateTenant{std::move(spec)});
}

Result<Action> read_update_tenant(const Json& json) {
  VC_TRY(TenantSpec spec, spec_in(json));
  VC_TRY(const Generation generation, generation_in(json));
  return Action(UpdateTenant{std::move(spec), generation});
}

Result<Action> read_record_wish(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  RecordWish out{std::move(tenant), std::nullopt};
  if (const auto reason = json.find("reason"); reason != json.end() && !reason->is_null()) {
    VC_TRY(out.reason, require_string(json, "reason"));
  }
  return Action(std::move(out));
}

Result<Action> read_prepare_tenant_data(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  VC_TRY(const Generation generation, generation_in(json));
  return Action(PrepareTenantData{std::move(tenant), generation});
}

/// Actions that name a tenant and nothing else.
template <typename T>
Result<Action> read_tenant_action(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  return Action(T{std::move(tenant)});
}

Result<Action> read_start_instance(const Json& json) {
  VC_TRY(InstanceId instance, instance_in(json, "instance"));
  VC_TRY(const std::string kind, require_string(json, "instance_kind"));
  VC_TRY(const Port admin_port, port_in(json, "admin_port"));
  VC_TRY(std::string fingerprint, require_string(json, "fingerprint"));
  for (const InstanceKind known : {InstanceKind::kShared, InstanceKind::kDedicated}) {
    if (name_of(known) == kind) {
      return Action(StartInstance{std::move(instance), known, admin_port, std::move(fingerprint)});
    }
  }
  return Error(ErrorCode::kCorrupt,
               fmt::format("cannot read an action: '{}' is no kind of instance", kind));
}

Result<Action> read_stop_instance(const Json& json) {
  VC_TRY(InstanceId instance, instance_in(json, "instance"));
  return Action(StopInstance{std::move(instance)});
}

Result<Action> read_retire_instance(const Json& json) {
  VC_TRY(InstanceId instance, instance_in(json, "instance"));
  return Action(RetireInstance{std::move(instance)});
}

Result<InstanceFate> fate_of(const Json& json) {
  for (const InstanceFate fate :
       {InstanceFate::kServing, InstanceFate::kWayBack, InstanceFate::kRetired}) {
    if (json.is_string() && json.get<std::string>() == name_of(fate)) {
      return fate;
    }
  }
  return Error(ErrorCode::kCorrupt, "cannot read an action: a fate of an instance is unknown");
}

Result<Action> read_set_programs(const Json& json) {
  SetPrograms out;
  VC_TRY(const std::string text, require_string(json, "programs"));
  VC_TRY(out.programs, parse_programs(text));
  const auto fates = json.find("fates");
  if (fates == json.end() || !fates->is_object()) {
    return Error(ErrorCode::kCorrupt, "cannot read an action: 'fates' must be an object");
  }
  for (const auto& [name, value] : fates->items()) {
    VC_TRY(const InstanceId instance, InstanceId::parse(name));
    VC_TRY(const InstanceFate fate, fate_of(value));
    out.fates.emplace(instance, fate);
  }
  return Action(std::move(out));
}

Result<Action> read_bind_listener(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  VC_TRY(const Port port, port_in(json, "port"));
  return Action(BindListener{std::move(tenant), port});
}

Result<Action> read_lend_listener(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  VC_TRY(InstanceId instance, instance_in(json, "instance"));
  LendListener out{std::move(tenant), std::move(instance), std::nullopt};
  if (json.contains("from")) {
    VC_TRY(InstanceId from, instance_in(json, "from"));
    out.from = std::move(from);
  }
  return Action(std::move(out));
}

Result<Action> read_reclaim_listener(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  VC_TRY(InstanceId instance, instance_in(json, "instance"));
  return Action(ReclaimListener{std::move(tenant), std::move(instance)});
}

Result<Action> read_install_key(const Json& json) {
  if (!json.contains("tenant")) {
    return Action(InstallKey{});
  }
  VC_TRY(TenantId tenant, tenant_in(json));
  return Action(InstallKey{std::move(tenant)});
}

/// Actions that name a certificate and nothing else.
template <typename T>
Result<Action> read_certificate_action(const Json& json) {
  VC_TRY(std::string name, require_string(json, "name"));
  return Action(T{std::move(name)});
}

Result<Action> read_publish_edge(const Json& json) {
  VC_TRY(std::string fingerprint, require_string(json, "fingerprint"));
  return Action(PublishEdge{std::move(fingerprint)});
}

Result<Action> read_publish_route(const Json& json) {
  VC_TRY(TenantId tenant, tenant_in(json));
  const auto hosts = json.find("hosts");
  if (hosts == json.end() || !hosts->is_array()) {
    return Error(ErrorCode::kCorrupt, "cannot read an action: 'hosts' must be a list");
  }
  PublishRoute out{std::move(tenant), {}};
  for (const Json& host : *hosts) {
    if (!host.is_string()) {
      return Error(ErrorCode::kCorrupt, "cannot read an action: a host must be text");
    }
    out.hosts.push_back(host.get<std::string>());
  }
  return Action(std::move(out));
}

Result<Action> read_restore_files(const Json& json) {
  RestoreFiles out;
  if (json.contains("tenant")) {
    VC_TRY(out.tenant, tenant_in(json));
  }
  return Action(std::move(out));
}

Result<Action> read_end_process(const Json& json) {
  VC_TRY(const std::int64_t pid, require_integer(json, "pid"));
  VC_TRY(const std::int64_t start_ticks, require_integer(json, "start_ticks"));
  // 1 is init, 0 and below are groups.
  if (pid <= 1 || pid > std::numeric_limits<int>::max() || start_ticks < 0) {
    return Error(ErrorCode::kCorrupt, "cannot read an action: it names no process");
  }
  return Action(EndProcess{static_cast<int>(pid), static_cast<std::uint64_t>(start_ticks)});
}

Result<Action> read_record_adoption(const Json& json) {
  RecordAdoption out;
  VC_TRY(out.name, require_string(json, "name"));
  const auto found = json.find("adoption");
  if (found != json.end()) {
    AcceptedDrift adoption{.name = out.name, .state = {}, .who = {}, .why = {}};
    VC_TRY(adoption.state, require_string(*found, "state"));
    VC_TRY(adoption.who, require_string(*found, "who"));
    VC_TRY(adoption.why, require_string(*found, "why"));
    VC_TRY(const std::int64_t at, require_integer(*found, "at_ms"));
    adoption.at = WallTime(std::chrono::milliseconds(at));
    out.adoption = std::move(adoption);
  }
  return Action(std::move(out));
}

struct Reader {
  std::string_view kind;
  Result<Action> (*read)(const Json&);
};

constexpr Reader kReaders[] = {
    {"set_platform", read_set_platform},
    {"install_key", read_install_key},
    {"create_tenant", read_create_tenant},
    {"update_tenant", read_update_tenant},
    {"delete_tenant", read_tenant_action<DeleteTenant>},
    {"record_wish", read_record_wish},
    {"prepare_tenant_data", read_prepare_tenant_data},
    {"retire_tenant_data", read_tenant_action<RetireTenantData>},
    {"start_instance", read_start_instance},
    {"stop_instance", read_stop_instance},
    {"retire_instance", read_retire_instance},
    {"set_programs", read_set_programs},
    {"bind_listener", read_bind_listener},
    {"release_listener", read_tenant_action<ReleaseListener>},
    {"lend_listener", read_lend_listener},
    {"reclaim_listener", read_reclaim_listener},
    {"issue_certificate", read_certificate_action<IssueCertificate>},
    {"remove_certificate", read_certificate_action<RemoveCertificate>},
    {"publish_edge", read_publish_edge},
    {"publish_route", read_publish_route},
    {"withdraw_route", read_tenant_action<WithdrawRoute>},
    {"restore_files", read_restore_files},
    {"end_process", read_end_process},
    {"record_adoption", read_record_adoption},
};
static_assert(std::size(kReaders) == std::variant_size_v<Action>, "every action can be read back");

}  // namespace

std::string render_action(const Action& action) {
  Json out = content_of(action);
  out["kind"] = kind_of(action);
  return dump_json(out);
}

Result<Action> parse_action(std::string_view text) {
  VC_TRY(const Json json, parse_json(text, kActionBudget));
  VC_TRY(const std::string kind, require_string(json, "kind"));
  for (const Reader& reader : kReaders) {
    if (reader.kind == kind) {
      return reader.read(json);
    }
  }
  return Error(ErrorCode::kCorrupt,
               fmt::format("cannot read an action: this version knows no kind '{}'", kind));
}

}  // namespace voicectl
