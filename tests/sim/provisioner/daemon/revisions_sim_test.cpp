// SPDX-License-Identifier: Apache-2.0
// What the daemon keeps of every desired state, and what it says came of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "provisioner/plan/ownership.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RevisionSim : public DaemonWorld {
 protected:
  std::vector<Revision> revisions() {
    return *daemon().registry->read_revisions(std::numeric_limits<std::int64_t>::max(), 100);
  }
  Status begin(const DesiredState& desired, std::int64_t base_revision) {
    return daemon().daemon->loop().apply(
        {.desired = desired, .plan_id = {}, .who = "ben", .base_revision = base_revision},
        {[](const Plan&) {}, [](const api::StepProgress&) {}, [](const api::ApplyOutcome&) {}});
  }
};

TEST_F(RevisionSim, EveryAcceptedStateIsKeptWithItsOutcome) {
  apply(platform_with({"alpha"}));
  apply(platform_with({"alpha", "beta"}));
  apply(platform_with({"alpha", "beta"}));

  const std::vector<Revision> kept = revisions();

  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].number, 2);
  EXPECT_EQ(kept[0].outcome, RevisionOutcome::kDone);
  EXPECT_EQ(kept[0].who, "test");
  EXPECT_THAT(kept[0].summary, HasSubstr("\"tenants_created\":1"));
  EXPECT_LT(kept[1].generation, kept[0].generation);
}

TEST_F(RevisionSim, WhatFailsIsPartialUntilALaterLookBringsItToItsEnd) {
  refuse_to_take_tenants();
  apply(platform_with({"alpha"}));
  ASSERT_THAT(revisions(), SizeIs(1));
  EXPECT_EQ(revisions()[0].outcome, RevisionOutcome::kPartial);

  machine.instances.on_request = nullptr;
  machine.sim.advance(2h);

  EXPECT_EQ(revisions()[0].outcome, RevisionOutcome::kDone);
  expect_converged(platform_with({"alpha"}));
}

TEST_F(RevisionSim, ADaemonThatDiesInTheMiddleLeavesItOpenAndTheNextOneClosesIt) {
  ASSERT_THAT(begin(platform_with({"alpha"}), 0), IsOk());
  machine.sim.advance(1ms);
  kill_daemon();
  ASSERT_THAT(machine.registry->revisions, SizeIs(1));
  EXPECT_EQ(machine.registry->revisions[0].revision.outcome, RevisionOutcome::kOpen);

  start_daemon();

  EXPECT_EQ(revisions()[0].outcome, RevisionOutcome::kDone);
  expect_converged(platform_with({"alpha"}));
}

TEST_F(RevisionSim, WhoeverBeganFromAnEarlierRevisionIsRefusedAndToldByWhom) {
  apply(platform_with({"alpha"}));
  apply(platform_with({"alpha", "beta"}));

  const Status begun = begin(platform_with({"alpha", "gamma"}), 1);

  ASSERT_THAT(begun, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(begun.error().text(), HasSubstr("made from revision 1 of the desired state, and test "
                                              "has made revision 2 since"));
  EXPECT_THAT(revisions(), SizeIs(2));
}

TEST_F(RevisionSim, OwnersOfFieldsOutliveTheDaemonThatDiesWhileItApplies) {
  apply(platform_with({"alpha"}));
  DesiredState wanted = platform_with({"alpha", "beta"});
  wanted.tenants[0].tier = Tier::kDedicated;
  const OwnedState taken =
      take_command(wanted, daemon().daemon->loop().desired(), daemon().daemon->loop().owners());
  ASSERT_THAT(daemon().daemon->loop().apply({.desired = taken.desired,
                                             .plan_id = {},
                                             .who = "ben",
                                             .why = "tenant promote alpha",
                                             .owners = taken.change},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(1ms);
  kill_daemon();

  start_daemon();

  const FieldOwners& owners = daemon().daemon->loop().owners();
  ASSERT_THAT(owners, SizeIs(2));
  EXPECT_EQ(owners.at("alpha").at("tier").who, "ben");
  EXPECT_EQ(owners.at("alpha").at("tier").revision, 2);
  EXPECT_TRUE(owners.at("beta").contains(std::string(kWholeTenant)));
  // A file that names neither leaves both alone, through the same loop.
  const Result<OwnedState> file = join_file(platform_with({"alpha"}), {{"alpha", {"name"}}},
                                            daemon().daemon->loop().desired(), owners);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->desired, wanted);
}

TEST_F(RevisionSim, AStateThatCannotBeRecordedChangesNoOwner) {
  apply(platform_with({"alpha"}));
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk is full");

  ASSERT_THAT(daemon().daemon->loop().apply({.desired = platform_with({"alpha", "beta"}),
                                             .plan_id = {},
                                             .who = "ben",
                                             .owners = {.claimed = {{"beta", {""}}}}},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(1min);

  EXPECT_THAT(daemon().daemon->loop().owners(), IsEmpty());
  machine.registry->failure.reset();
  EXPECT_THAT(daemon().registry->load_owners(), IsOkAnd(IsEmpty()));
}

TEST_F(RevisionSim, ALaterFailureIsNotHeldAgainstARevisionThatWasDone) {
  apply(platform_with({"alpha"}));

  refuse_to_take_tenants();
  machine.instances.crash("shared-0");
  machine.sim.advance(3h);

  EXPECT_EQ(revisions()[0].outcome, RevisionOutcome::kDone);
}

TEST_F(RevisionSim, AStateThatCannotBeRecordedChangesNothing) {
  apply(platform_with({"alpha"}));
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk is full");

  const Applied applied = apply(platform_with({"alpha", "beta"}));

  EXPECT_EQ(applied.outcome.failed, 1U);
  machine.registry->failure.reset();
  EXPECT_THAT(revisions(), SizeIs(1));
  EXPECT_EQ(revisions()[0].outcome, RevisionOutcome::kDone);
  EXPECT_EQ(daemon().daemon->loop().desired(), platform_with({"alpha"}));
}

}  // namespace
}  // namespace voicectl
