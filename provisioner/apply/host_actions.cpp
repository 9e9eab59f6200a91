// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/host_actions.h"

namespace voicectl {

void HostActions::perform(const Action& action, OnActionDone then) {
  // Whatever wrote files, what they say now is recorded with it.
  OnActionDone done = [this, then = std::move(then)](ActionOutcome outcome) {
    written_.take_into(outcome.change);
    then(std::move(outcome));
  };
  const auto by_tenants = [&](const auto& a) { tenants_.perform(a, std::move(done)); };
  const auto by_placement = [&](const auto& a) { placement_.perform(a, std::move(done)); };
  const auto by_drift = [&](const auto& a) { drift_.perform(a, std::move(done)); };
  const auto by_edge = [&](const auto& a) { edge_.perform(a, std::move(done)); };
  std::visit(Overload{[&](const SetPlatform& a) { by_tenants(a); },
                      [&](const InstallKey& a) { by_tenants(a); },
                      [&](const CreateTenant& a) { by_tenants(a); },
                      [&](const UpdateTenant& a) { by_tenants(a); },
                      [&](const DeleteTenant& a) { by_tenants(a); },
                      [&](const RecordWish& a) { by_tenants(a); },
                      [&](const PrepareTenantData& a) { by_tenants(a); },
                      [&](const RetireTenantData& a) { by_tenants(a); },
                      [&](const StartInstance& a) { by_placement(a); },
                      [&](const StopInstance& a) { by_placement(a); },
                      [&](const RetireInstance& a) { by_placement(a); },
                      [&](const SetPrograms& a) { by_placement(a); },
                      [&](const BindListener& a) { by_placement(a); },
                      [&](const ReleaseListener& a) { by_placement(a); },
                      [&](const LendListener& a) { by_placement(a); },
                      [&](const ReclaimListener& a) { by_placement(a); },
                      [&](const IssueCertificate& a) { by_edge(a); },
                      [&](const RemoveCertificate& a) { by_edge(a); },
                      [&](const PublishEdge& a) { by_edge(a); },
                      [&](const PublishRoute& a) { by_edge(a); },
                      [&](const WithdrawRoute& a) { by_edge(a); },
                      [&](const RestoreFiles& a) { by_drift(a); },
                      [&](const EndProcess& a) { by_drift(a); },
                      [&](const RecordAdoption& a) { by_drift(a); }},
             action);
}

}  // namespace voicectl
