// SPDX-License-Identifier: Apache-2.0
// What others do to the files, sockets and processes of a platform: an apply repairs it, a second
// one is empty, and what a person wrote is kept.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/provisioner/daemon/repair_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(RepairSim, APlatformThatNobodyTouchesHasNoDrift) {
  EXPECT_THAT(names(), IsEmpty());
  machine.sim.advance(2h);
  kill_daemon();
  start_daemon();

  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(plan(desired).steps, IsEmpty());
}

TEST_F(RepairSim, AnEditedConfigurationIsRestoredAndWhatAPersonWroteIsKept) {
  const std::string before = *machine.files.content_of(kConfig);
  machine.files.damage(kConfig, before + "\n# by hand");

  EXPECT_THAT(names(), ElementsAre("edited file/state/tenants/alpha/config.json"));
  EXPECT_THAT(reasons(), ElementsAre(HasSubstr("drift: '" + std::string(kConfig))));
  repair();

  EXPECT_EQ(machine.files.content_of(kConfig), before);
  EXPECT_THAT(kept(), ElementsAre(before + "\n# by hand"));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("file.kept")));
}

TEST_F(RepairSim, TheDaemonLeavesWhatAPersonWroteUntilSomebodyApplies) {
  machine.files.damage(kConfig, "{}");

  machine.sim.advance(3h);

  EXPECT_EQ(machine.files.content_of(kConfig), "{}");
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("drift.found")));
  repair();
}

TEST_F(RepairSim, AKeyThatWasPutIntoTheFileOpensNothingForLongAndIsKept) {
  const std::string before = *machine.files.content_of(kKeys);
  const std::string forged = R"({"apiVersion":"voicectl/v1","kind":"TenantKeys","keys":)"
                             R"([{"id":"x","sha256":"00","scope":"admin"}],"tenant":"alpha"})";
  machine.files.damage(kKeys, forged);

  EXPECT_THAT(names(), ElementsAre("edited file/state/tenants/alpha/keys.json"));
  repair();

  EXPECT_EQ(machine.files.content_of(kKeys), before);
  EXPECT_THAT(kept(), ElementsAre(forged));
}

TEST_F(RepairSim, WhatTheDaemonWouldWriteOverIsKeptToo) {
  machine.files.damage(kConfig, "{}");
  DesiredState changed = desired;
  changed.tenants.front().name = "Another name";

  apply(changed);

  EXPECT_THAT(kept(), ElementsAre("{}"));
}

TEST_F(RepairSim, SecretsThatAreGoneComeBackAsTheyWere) {
  const std::string before = *machine.files.content_of(kSecrets);
  EXPECT_THAT(machine.files.remove(kSecrets), IsOk());

  EXPECT_THAT(names(), ElementsAre("missing_file file/state/tenants/alpha/secrets.json"));
  repair();

  EXPECT_EQ(machine.files.content_of(kSecrets), before);
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(RepairSim, ALinkInAFilesPlaceIsSetAsideAndNotFollowed) {
  machine.files.put("/etc/passwd", "root");
  EXPECT_THAT(machine.files.remove(kConfig), IsOk());
  EXPECT_THAT(machine.files.replace_link(kConfig, "/etc/passwd"), IsOk());

  EXPECT_THAT(names(), ElementsAre("replaced file/state/tenants/alpha/config.json"));
  EXPECT_EQ(apply(desired).outcome.failed, 0U);

  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(machine.files.content_of("/etc/passwd"), "root");
}

TEST_F(RepairSim, ModesAndOwnersAreSetBack) {
  machine.files.set_access(kSecrets, FileMode{0644}, UserIds{1000, 1000});
  machine.files.set_access("/run/voicectl/tenants", FileMode{0777}, UserIds{});

  EXPECT_THAT(names(), ElementsAre("access access/run/tenants",
                                   "access access/state/tenants/alpha/secrets.json"));
  repair();

  EXPECT_EQ(machine.files.find(kSecrets)->mode, kPrivateFile);
  EXPECT_EQ(machine.files.find(kSecrets)->owner.uid, 0U);
}

TEST_F(RepairSim, ALostSocketIsBoundAgainByTheDaemonItself) {
  EXPECT_THAT(machine.files.remove(kSocket), IsOk());
  EXPECT_FALSE(machine.network.is_reachable(kSocket));
  EXPECT_THAT(names(), ElementsAre("missing_file file/run/tenants/alpha.sock"));

  machine.sim.advance(2h);

  EXPECT_TRUE(machine.network.is_reachable(kSocket));
  EXPECT_THAT(names(), IsEmpty());
  expect_converged(desired);
}

/// Whoever has the tenant accepts on the old socket until it is lent the new one.
TEST_F(RepairSim, ASocketThatIsBoundAnewIsLentWhereverTheDaemonDies) {
  for (std::size_t call = 1; call < 30; ++call) {
    for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
      SCOPED_TRACE(fmt::format("call {} {}", call, static_cast<int>(point)));
      EXPECT_THAT(machine.files.remove(kSocket), IsOk());
      daemon().plan.kill_at(daemon().plan.calls() + call, point);
      try {
        apply(desired);
      } catch (const DaemonKilled&) {  // as planned, if there are so many calls
      }
      kill_daemon();
      start_daemon();

      EXPECT_THAT(names(), IsEmpty());
      expect_converged(desired);
    }
  }
}

TEST_F(RepairSim, ASocketThatIsBoundAnewIsLentToWhoKeepsTheTenantWhenItsMoveFails) {
  DesiredState moved = desired;
  moved.tenants[0].tier = Tier::kDedicated;
  apply(moved);
  machine.instances.on_hand_over_step = [this](FakeInstances::HandOverStep step, const std::string&,
                                               const std::string& target) {
    if (step == FakeInstances::HandOverStep::kQuiet) {
      machine.instances.crash(target);
    }
  };
  EXPECT_THAT(machine.files.remove(kSocket), IsOk());

  const Applied applied = apply(desired);

  EXPECT_EQ(applied.outcome.failed, 1U);
  const Port port = *daemon().daemon->recorded().find_tenant(kAlpha)->port;
  EXPECT_TRUE(machine.instances.accepts_at("dedicated-alpha", kAlpha, kSocket, port));
}

TEST_F(RepairSim, AStrayInstanceIsEndedByAnApplyAndNeverByTheDaemonItself) {
  const std::string program = program_of_instances();
  const ProcessIdentity stray =
      machine.processes.start_foreign(77, {program, "--instance", "shared-9"});

  EXPECT_THAT(names(), ElementsAre("stray_process process/77"));
  machine.sim.advance(2h);
  EXPECT_TRUE(machine.processes.is_alive(stray));
  repair();

  EXPECT_FALSE(machine.processes.is_alive(stray));
}

TEST_F(RepairSim, AnAdoptionThatCouldNotBeRecordedYetIsOneAllTheSame) {
  machine.files.set_access("/run/voicectl/domains", FileMode{0751}, UserIds{});
  lose_close(1);
  adopt("access/run/domains");

  EXPECT_TRUE(daemon().daemon->loop().has_unrecorded());
  EXPECT_THAT(plan(desired).steps, IsEmpty());
  machine.sim.advance(61min);
  expect_all_recorded();
  kill_daemon();
  start_daemon();
  EXPECT_THAT(plan(desired).steps, IsEmpty());
}

TEST_F(RepairSim, WhatCouldNotBeRecordedIsRecordedAlthoughNothingElseIsToBeDone) {
  DesiredState changed = desired;
  changed.tenants.front().name = "Another name";
  lose_close(1);

  EXPECT_EQ(apply(changed).outcome.failed, 1U);
  EXPECT_TRUE(daemon().daemon->loop().has_unrecorded());
  EXPECT_THAT(plan(changed).steps, IsEmpty());
  machine.sim.advance(61min);

  expect_all_recorded();
}

TEST_F(RepairSim, AStrayThatWasAdoptedLivesUntilItIsGivenUp) {
  const std::string program = program_of_instances();
  const ProcessIdentity stray =
      machine.processes.start_foreign(77, {program, "--instance", "shared-9"});
  adopt("process/77");

  EXPECT_THAT(plan(desired).steps, IsEmpty());
  kill_daemon();
  start_daemon();
  EXPECT_THAT(plan(desired).steps, IsEmpty());
  ASSERT_THAT(look(), SizeIs(1));
  EXPECT_EQ(look().front().adopted->who, "ann");
  record(RecordAdoption{"process/77", std::nullopt});
  repair();

  EXPECT_FALSE(machine.processes.is_alive(stray));
}

TEST_F(RepairSim, AForeignListenerOnALeasedPortIsToldAndLeftAlone) {
  const Port port =
      daemon().daemon->recorded().find_instance(*InstanceId::parse("shared-0"))->admin_port;
  machine.network.occupy(port);

  EXPECT_THAT(names(), ElementsAre(fmt::format("foreign_listener port/{}", port.value())));
  EXPECT_THAT(plan(desired).steps, IsEmpty());
}

TEST_F(RepairSim, FilesThatAreGoneAreMadeAnew) {
  EXPECT_THAT(machine.files.remove(kKeys), IsOk());
  EXPECT_THAT(machine.files.remove(kConfig), IsOk());

  repair();

  EXPECT_NE(machine.files.find(kKeys), nullptr);
}

TEST_F(RepairSim, DataThatSomebodyMovedToAnotherDiskByALinkStaysThere) {
  EXPECT_THAT(machine.files.remove(kData), IsOk());
  EXPECT_THAT(machine.files.replace_link(kData, "/mnt/big/alpha"), IsOk());

  EXPECT_THAT(names(), ElementsAre("replaced file/state/tenants/alpha/data"));
  EXPECT_THAT(remedy_of(look().front()), HasSubstr("restore it from a backup"));
  EXPECT_THAT(plan(desired).steps, IsEmpty());
  // What else is wrong with that tenant is repaired all the same.
  machine.files.damage(kConfig, "{}");
  EXPECT_EQ(apply(desired).outcome.failed, 0U);

  EXPECT_THAT(names(), ElementsAre("replaced file/state/tenants/alpha/data"));
  ASSERT_NE(machine.files.find(kData), nullptr);
  EXPECT_EQ(machine.files.find(kData)->kind, FakeFileSystem::Kind::kLink);
}

TEST_F(RepairSim, DataThatAreGoneAreToldAndNotReplacedByNone) {
  EXPECT_THAT(machine.files.remove(kData), IsOk());

  EXPECT_THAT(names(), ElementsAre("missing_file file/state/tenants/alpha/data"));
  EXPECT_THAT(plan(desired).steps, IsEmpty());
  machine.sim.advance(3h);

  EXPECT_EQ(machine.files.find(kData), nullptr);
}

TEST_F(RepairSim, ATenantWhoseFolderIsGoneGetsNoOtherSecrets) {
  EXPECT_THAT(machine.files.remove(kFolder), IsOk());

  EXPECT_THAT(names(), SizeIs(5));
  EXPECT_THAT(plan(desired).steps, IsEmpty());
  machine.instances.crash(machine.instances.holders(kAlpha).front());
  machine.sim.advance(3h);
  EXPECT_EQ(machine.files.find(kFolder), nullptr) << "nor when its instance wants it again";
  DesiredState changed = desired;
  changed.tenants.front().name = "Another name";
  const Applied applied = apply(changed);

  EXPECT_GT(applied.outcome.failed, 0U);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("restore the tenant from a backup")));
  EXPECT_EQ(machine.files.find(kSecrets), nullptr);
  EXPECT_EQ(machine.files.find(kData), nullptr);
}

TEST_F(RepairSim, TheRegistryAndTheAuthorityAreNeverSetAside) {
  for (const char* const path :
       {"/var/lib/voicectl/registry.db", "/var/lib/voicectl/authority.pem"}) {
    EXPECT_THAT(machine.files.remove(path), IsOk());
    EXPECT_THAT(machine.files.replace_link(path, "/mnt/big/file"), IsOk());
  }

  EXPECT_THAT(names(),
              ElementsAre("replaced file/state/authority.pem", "replaced file/state/registry.db"));
  EXPECT_THAT(plan(desired).steps, IsEmpty());
  machine.files.set_access("/run/voicectl/tenants", FileMode{0777}, UserIds{});
  EXPECT_EQ(apply(desired).outcome.failed, 0U);

  EXPECT_THAT(names(), SizeIs(2));
  EXPECT_EQ(machine.files.find("/var/lib/voicectl/registry.db")->kind, FakeFileSystem::Kind::kLink);
}

TEST_F(RepairSim, AReplacedConfigurationHoldsUpNoChangeOfThePlatform) {
  machine.files.put("/etc/passwd", "root");
  EXPECT_THAT(machine.files.remove(kConfig), IsOk());
  EXPECT_THAT(machine.files.replace_link(kConfig, "/etc/passwd"), IsOk());
  DesiredState changed = desired;
  changed.platform.ultravox.endpoint = "http://127.0.0.1:4200/api";
  changed.tenants.front().name = "Another name";

  const Applied applied = apply(changed);

  EXPECT_EQ(applied.outcome.failed + applied.outcome.skipped, 0U) << applied.outcome.remedy;
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(machine.files.content_of(kConfig), ::testing::Optional(HasSubstr("4200")));
  expect_converged(changed);
}

TEST_F(RepairSim, AnAdoptedModeThatChangesOnceMoreIsRepaired) {
  machine.files.set_access("/run/voicectl/domains", FileMode{0751}, UserIds{});
  adopt("access/run/domains");
  EXPECT_THAT(plan(desired).steps, IsEmpty());

  machine.files.set_access("/run/voicectl/domains", FileMode{0700}, UserIds{});

  repair();
  EXPECT_EQ(machine.files.find("/run/voicectl/domains")->mode, kSharedDirectory);
}

TEST_F(RepairSim, AFolderThatIsClosedToItsOwnerTooIsOpenedFirst) {
  daemon().scan.obeys_modes = true;
  machine.files.set_access(kFolder, FileMode{0000}, UserIds{});

  EXPECT_THAT(names(), ElementsAre("access access/state/tenants/alpha"))
      << "what cannot be looked at is not told as missing";
  repair();

  EXPECT_EQ(machine.files.find(kFolder)->mode, kPrivateDirectory);
}

TEST_F(RepairSim, AStrayThatDoesNotEndAlthoughItIsKilledDoesNotHoldUpTheApply) {
  const std::string program = program_of_instances();
  machine.processes.start_foreign(77, {program, "--instance", "shared-9"});
  machine.processes.immortal.insert(77);

  const Applied applied = apply(desired);

  ASSERT_TRUE(applied.is_finished);
  EXPECT_EQ(applied.outcome.failed, 1U);
  machine.processes.immortal.clear();
  repair();
}

TEST_F(RepairSim, WhatWasWrittenAndCouldNotBeRecordedIsNobodysEdit) {
  bool is_disk_full = false;
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kReconfigure && !std::exchange(is_disk_full, true)) {
      machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");
    }
    return std::nullopt;
  };
  DesiredState changed = desired;
  changed.platform.ultravox.endpoint = "http://127.0.0.1:4200/api";

  EXPECT_GT(apply(changed).outcome.failed, 0U);
  machine.registry->failure.reset();
  machine.sim.advance(120s);
  apply(changed);
  kill_daemon();
  start_daemon();

  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(RepairSim, WhatIsGoneIsToldOfWhomItWasAbout) {
  machine.files.damage(kConfig, "{}");
  machine.sim.advance(10min);
  apply(desired);
  machine.sim.advance(10min);

  const auto& events = machine.registry->events;
  const auto gone = std::find_if(events.begin(), events.end(), [](const EventRecord& event) {
    return event.name == "drift.gone";
  });
  ASSERT_NE(gone, events.end());
  EXPECT_EQ(gone->subject, "tenant/alpha");
  EXPECT_THAT(gone->detail, HasSubstr("file/state/tenants/alpha/config.json"));
}

TEST_F(RepairSim, ADaemonThatDiesWhileItRepairsLosesNothingThatAPersonWrote) {
  for (std::size_t call = 1; call < 60; ++call) {
    for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
      const std::string mark = fmt::format("by hand {} {}", call, static_cast<int>(point));
      machine.files.damage(kConfig, mark);
      daemon().plan.kill_at(daemon().plan.calls() + call, point);
      try {
        apply(desired);
      } catch (const DaemonKilled&) {  // as planned, if there are so many calls
      }
      kill_daemon();
      start_daemon();
      apply(desired);

      EXPECT_THAT(names(), IsEmpty()) << mark;
      EXPECT_THAT(plan(desired).steps, IsEmpty()) << mark;
      EXPECT_THAT(kept(), Contains(mark)) << mark;
    }
  }
}

}  // namespace
}  // namespace voicectl
