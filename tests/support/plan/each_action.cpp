// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plan/each_action.h"

#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

Programs a_lot_of_programs() {
  Programs out;
  out.current = "abc";
  out.previous = "old";
  out.known.emplace("abc", ProgramRecord{"abc", "1.0", "1-f", kNoon});
  UpgradeRecord& upgrade = out.upgrade.emplace();
  upgrade.target = "new";
  upgrade.from = "abc";
  upgrade.phase = UpgradePhase::kReversing;
  upgrade.canary = "tenant/acme";
  upgrade.canary_tenant = tenant_id("acme");
  upgrade.batch = 3;
  upgrade.who = "ann@host";
  upgrade.began = kNoon;
  upgrade.why = "a probe failed";
  upgrade.moved = 7;
  upgrade.dropped = 2;
  out.last = UpgradeOutcome{"abc", "old", "", "ann@host", kNoon, kNoon, 5, 0};
  return out;
}

}  // namespace

const std::vector<Action>& one_of_each() {
  static const std::vector<Action> actions = {
      SetPlatform{PlatformSpec{}},
      CreateTenant{a_tenant("acme")},
      UpdateTenant{a_tenant("acme"), Generation{2}},
      DeleteTenant{tenant_id("acme")},
      RecordWish{tenant_id("acme"), "25 live sessions"},
      RecordWish{tenant_id("acme"), std::nullopt},
      PrepareTenantData{tenant_id("acme"), Generation{2}},
      RetireTenantData{tenant_id("acme")},
      StartInstance{instance_id("shared-0"), InstanceKind::kShared, port(21000), "abc"},
      StopInstance{instance_id("shared-0")},
      RetireInstance{instance_id("shared-0")},
      SetPrograms{a_lot_of_programs(), {{instance_id("shared-0"), InstanceFate::kWayBack}}},
      BindListener{tenant_id("acme"), port(21001)},
      ReleaseListener{tenant_id("acme")},
      LendListener{tenant_id("acme"), instance_id("shared-1"), instance_id("shared-0")},
      ReclaimListener{tenant_id("acme"), instance_id("shared-0")},
      IssueCertificate{"*.voice.example"},
      RemoveCertificate{"old.example"},
      InstallKey{},
      PublishEdge{"0123456789abcdef"},
      PublishRoute{tenant_id("acme"), {"acme.voice.example", "acme.example"}},
      WithdrawRoute{tenant_id("acme")},
      RestoreFiles{tenant_id("acme")},
      EndProcess{4711, 99},
      RecordAdoption{"process/4711", AcceptedDrift{"process/4711", "99", "ann", "a look", kNoon}}};
  return actions;
}

}  // namespace voicectl
