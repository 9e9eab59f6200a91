// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/action.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace voicectl {
namespace {

std::string tenant_subject(const TenantId& tenant) {
  return "tenant/" + tenant.str();
}

std::string instance_subject(const InstanceId& instance) {
  return "instance/" + instance.str();
}

std::string describe_lend(const LendListener& a) {
  if (a.from) {
    return fmt::format("move {} from {} to {}", a.tenant.str(), a.from->str(), a.instance.str());
  }
  return fmt::format("lend listener of {} to {}", a.tenant.str(), a.instance.str());
}

std::string describe_programs(const SetPrograms& a) {
  if (!a.programs.upgrade) {
    return fmt::format("record program {} as that of instances", a.programs.current);
  }
  return fmt::format("record that the upgrade to program {} is {}", a.programs.upgrade->target,
                     name_of(a.programs.upgrade->phase));
}

std::string describe_edge(const PublishEdge& a) {
  if (a.fingerprint.empty()) {
    return "stop the edge";
  }
  return fmt::format("publish edge configuration {}", a.fingerprint.substr(0, 12));
}

}  // namespace

std::string_view name_of(ActionSymbol symbol) {
  switch (symbol) {
    case ActionSymbol::kCreate:
      return "create";
    case ActionSymbol::kChange:
      return "change";
    case ActionSymbol::kRemove:
      return "remove";
    case ActionSymbol::kMove:
      return "move";
  }
  return "unknown";
}

char character_of(ActionSymbol symbol) {
  switch (symbol) {
    case ActionSymbol::kCreate:
      return '+';
    case ActionSymbol::kChange:
      return '~';
    case ActionSymbol::kRemove:
      return '-';
    case ActionSymbol::kMove:
      return '>';
  }
  return '?';
}

std::string_view kind_of(const Action& action) {
  using Name = std::string_view;
  return std::visit(Overload{[](const SetPlatform&) { return Name("set_platform"); },
                             [](const InstallKey&) { return Name("install_key"); },
                             [](const CreateTenant&) { return Name("create_tenant"); },
                             [](const UpdateTenant&) { return Name("update_tenant"); },
                             [](const DeleteTenant&) { return Name("delete_tenant"); },
                             [](const RecordWish&) { return Name("record_wish"); },
                             [](const PrepareTenantData&) { return Name("prepare_tenant_data"); },
                             [](const RetireTenantData&) { return Name("retire_tenant_data"); },
                             [](const StartInstance&) { return Name("start_instance"); },
                             [](const StopInstance&) { return Name("stop_instance"); },
                             [](const RetireInstance&) { return Name("retire_instance"); },
                             [](const SetPrograms&) { return Name("set_programs"); },
                             [](const BindListener&) { return Name("bind_listener"); },
                             [](const ReleaseListener&) { return Name("release_listener"); },
                             [](const LendListener&) { return Name("lend_listener"); },
                             [](const ReclaimListener&) { return Name("reclaim_listener"); },
                             [](const IssueCertificate&) { return Name("issue_certificate"); },
                             [](const RemoveCertificate&) { return Name("remove_certificate"); },
                             [](const PublishEdge&) { return Name("publish_edge"); },
                             [](const PublishRoute&) { return Name("publish_route"); },
                             [](const WithdrawRoute&) { return Name("withdraw_route"); },
                             [](const RestoreFiles&) { return Name("restore_files"); },
                             [](const EndProcess&) { return Name("end_process"); },
                             [](const RecordAdoption&) { return Name("record_adoption"); }},
                    action);
}

ActionSymbol symbol_of(const Action& action) {
  using enum ActionSymbol;
  return std::visit(
      Overload{[](const SetPlatform&) { return kChange; },
               [](const InstallKey&) { return kChange; },
               [](const CreateTenant&) { return kCreate; },
               [](const UpdateTenant&) { return kChange; },
               [](const DeleteTenant&) { return kRemove; },
               [](const RecordWish&) { return kChange; },
               [](const PrepareTenantData&) { return kCreate; },
               [](const RetireTenantData&) { return kRemove; },
               [](const StartInstance&) { return kCreate; },
               [](const StopInstance&) { return kRemove; },
               [](const RetireInstance&) { return kChange; },
               [](const SetPrograms&) { return kChange; },
               [](const BindListener&) { return kCreate; },
               [](const ReleaseListener&) { return kRemove; },
               [](const LendListener& a) { return a.from ? kMove : kCreate; },
               [](const ReclaimListener&) { return kRemove; },
               [](const IssueCertificate&) { return kCreate; },
               [](const RemoveCertificate&) { return kRemove; },
               [](const PublishEdge& a) { return a.fingerprint.empty() ? kRemove : kChange; },
               [](const PublishRoute&) { return kCreate; },
               [](const WithdrawRoute&) { return kRemove; },
               [](const RestoreFiles&) { return kChange; },
               [](const EndProcess&) { return kRemove; },
               [](const RecordAdoption&) { return kChange; }},
      action);
}

std::string subject_of(const Action& action) {
  return std::visit(
      Overload{
          [](const SetPlatform&) { return std::string("platform"); },
          [](const InstallKey& a) { return a.tenant ? tenant_subject(*a.tenant) : "platform"; },
          [](const CreateTenant& a) { return tenant_subject(a.spec.tenant); },
          [](const UpdateTenant& a) { return tenant_subject(a.spec.tenant); },
          [](const DeleteTenant& a) { return tenant_subject(a.tenant); },
          [](const RecordWish& a) { return tenant_subject(a.tenant); },
          [](const PrepareTenantData& a) { return tenant_subject(a.tenant); },
          [](const RetireTenantData& a) { return tenant_subject(a.tenant); },
          [](const StartInstance& a) { return instance_subject(a.instance); },
          [](const StopInstance& a) { return instance_subject(a.instance); },
          [](const RetireInstance& a) { return instance_subject(a.instance); },
          [](const SetPrograms&) { return std::string("programs"); },
          [](const BindListener& a) { return tenant_subject(a.tenant); },
          [](const ReleaseListener& a) { return tenant_subject(a.tenant); },
          [](const LendListener& a) { return tenant_subject(a.tenant); },
          [](const ReclaimListener& a) { return tenant_subject(a.tenant); },
          [](const IssueCertificate& a) { return "certificate/" + a.name; },
          [](const RemoveCertificate& a) { return "certificate/" + a.name; },
          [](const PublishEdge&) { return std::string("edge"); },
          [](const PublishRoute& a) { return tenant_subject(a.tenant); },
          [](const WithdrawRoute& a) { return tenant_subject(a.tenant); },
          [](const RestoreFiles& a) { return a.tenant ? tenant_subject(*a.tenant) : "platform"; },
          [](const EndProcess& a) { return fmt::format("process/{}", a.pid); },
          [](const RecordAdoption& a) { return "adoption/" + a.name; }},
      action);
}

std::string describe(const Action& action) {
  return std::visit(
      Overload{
          [](const SetPlatform& a) {
            return fmt::format("record the settings of platform {}", a.platform.domain);
          },
          [](const InstallKey& a) {
            return a.tenant ? "install the new credentials of " + a.tenant->str()
                            : "install the new Ultravox key";
          },
          [](const CreateTenant& a) { return "create tenant " + a.spec.tenant.str(); },
          [](const UpdateTenant& a) {
            return fmt::format("update tenant {} to generation {}", a.spec.tenant.str(),
                               a.generation.value);
          },
          [](const DeleteTenant& a) { return "delete tenant " + a.tenant.str(); },
          [](const RecordWish& a) {
            return fmt::format("record that {} is to be in {}", a.tenant.str(),
                               a.reason ? "an instance of its own" : "the pool");
          },
          [](const PrepareTenantData& a) { return "prepare data of " + a.tenant.str(); },
          [](const RetireTenantData& a) { return "set data of " + a.tenant.str() + " aside"; },
          [](const StartInstance& a) {
            return fmt::format("start {} instance {} (health on port {})", name_of(a.kind),
                               a.instance.str(), a.admin_port.value());
          },
          [](const StopInstance& a) { return "stop instance " + a.instance.str(); },
          [](const RetireInstance& a) {
            return fmt::format("record that instance {} is to be replaced", a.instance.str());
          },
          [](const SetPrograms& a) { return describe_programs(a); },
          [](const BindListener& a) {
            return fmt::format("bind listener of {} on port {}", a.tenant.str(), a.port.value());
          },
          [](const ReleaseListener& a) { return "release listener of " + a.tenant.str(); },
          [](const LendListener& a) { return describe_lend(a); },
          [](const ReclaimListener& a) {
            return fmt::format("reclaim listener of {} from {}", a.tenant.str(), a.instance.str());
          },
          [](const IssueCertificate& a) { return "issue certificate for " + a.name; },
          [](const RemoveCertificate& a) { return "remove certificate for " + a.name; },
          [](const PublishEdge& a) { return describe_edge(a); },
          [](const PublishRoute& a) {
            return fmt::format("route {} to {}", fmt::join(a.hosts, ", "), a.tenant.str());
          },
          [](const WithdrawRoute& a) { return "withdraw routes of " + a.tenant.str(); },
          [](const RestoreFiles& a) {
            return "restore files of " + (a.tenant ? a.tenant->str() : "the platform");
          },
          [](const EndProcess& a) { return fmt::format("end stray process {}", a.pid); },
          [](const RecordAdoption& a) {
            return fmt::format("record that {} is {}adopted", a.name, a.adoption ? "" : "not ");
          }},
      action);
}

}  // namespace voicectl
