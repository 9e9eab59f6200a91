// SPDX-License-Identifier: Apache-2.0
// A listener is bound anew in the plan that moves its tenant, and the move comes to nothing:
// whoever has the tenant is known, gets the new listener, and nobody else has the tenant, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/handoff/protocol.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TenantId kMoving = *TenantId::parse("alpha");
constexpr const char* kMovingSocket = "/run/voicectl/tenants/alpha.sock";
constexpr const char* kOwn = "dedicated-alpha";

class RebindSim : public DaemonWorld {
 protected:
  using Answer = std::optional<Result<std::string>>;

  RebindSim() {
    apply(platform_with({"alpha", "beta"}));
    home = machine.instances.holders(kMoving).front();
    port = daemon().daemon->recorded().find_tenant(kMoving)->port;
    EXPECT_THAT(machine.files.remove(kMovingSocket), IsOk());
    desired.tenants[0].tier = Tier::kDedicated;
  }

  /// What an instance answers that does not hand the tenant over.
  static Answer not_handed_over(ErrorCode code) {
    handoff::HandOverReport report;
    report.why = Error(code, "cannot hand over: as the test says");
    report.token = FencingToken{1};
    return Result<std::string>(handoff::encode(report));
  }
  static Answer failure() { return Result<std::string>(Error(ErrorCode::kTimeout, "cannot wait")); }

  /// Answers as `act` says, of that instance.
  void when(const std::function<Answer(const std::string& instance, std::string_view asked)>& act) {
    machine.instances.on_request = [act](const std::string& name,
                                         const control::Message& question) {
      return act(name, question.type);
    };
  }
  /// It has the tenant and accepts where callers come to.
  bool accepts(const std::string& instance) {
    return machine.instances.accepts_at(instance, kMoving, kMovingSocket, *port);
  }
  /// The move fails; the tenant is where it was, and reachable there as soon as that goes.
  void expect_that_it_stays() {
    const Applied applied = apply(desired);
    EXPECT_GE(applied.outcome.failed, 1U);
    when([](const std::string&, std::string_view) { return Answer(); });
    machine.sim.advance(61s);

    EXPECT_THAT(machine.instances.holders(kMoving), ElementsAre(home));
    EXPECT_TRUE(accepts(home));
    const RecordedTenant& recorded = *daemon().daemon->recorded().find_tenant(kMoving);
    EXPECT_EQ(recorded.placement->str(), home);
  }
  /// And the next apply moves it, with one owner at any time.
  void expect_that_it_moves() {
    machine.instances.script(kOwn, {});
    EXPECT_EQ(apply(desired).outcome.failed, 0U);

    EXPECT_THAT(machine.instances.holders(kMoving), ElementsAre(kOwn));
    EXPECT_TRUE(accepts(kOwn));
    expect_converged(desired);
  }

  DesiredState desired = platform_with({"alpha", "beta"});
  std::string home;
  std::optional<Port> port;
};

TEST_F(RebindSim, AMoveWithANewListenerGoesThrough) {
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantThatStaysAndDoesNotTakeItsNewListenerIsLentItAgain) {
  when([this](const std::string& name, std::string_view asked) -> Answer {
    if (asked == control::request::kHandOver) {
      return not_handed_over(ErrorCode::kInternal);
    }
    return asked == control::request::kLend && name == home ? failure() : std::nullopt;
  });

  expect_that_it_stays();

  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantThatIsGivenBackIsRecordedWhereItIs) {
  when([](const std::string& name, std::string_view asked) -> Answer {
    if (asked == control::request::kHandOver) {
      return not_handed_over(ErrorCode::kConflict);
    }
    return asked == control::request::kLend && name == kOwn ? failure() : std::nullopt;
  });

  expect_that_it_stays();
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantThatCannotBeGivenBackAtOnceIsGivenBackLater) {
  when([](const std::string&, std::string_view asked) -> Answer {
    if (asked == control::request::kHandOver) {
      return not_handed_over(ErrorCode::kConflict);
    }
    return asked == control::request::kLend ? failure() : std::nullopt;
  });

  expect_that_it_stays();
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantThatIsNotLetGoOfIsRecordedWhereItIs) {
  when([this](const std::string& name, std::string_view asked) -> Answer {
    if (asked == control::request::kHandOver) {
      return not_handed_over(ErrorCode::kConflict);
    }
    return asked == control::request::kReclaim && name == home ? failure() : std::nullopt;
  });

  expect_that_it_stays();
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantThatTheNewInstanceMayHaveIsTakenBackFromItFirst) {
  when([](const std::string& name, std::string_view asked) -> Answer {
    if (asked == control::request::kHandOver) {
      return not_handed_over(ErrorCode::kConflict);
    }
    const bool is_asked = asked == control::request::kLend || asked == control::request::kReclaim;
    return is_asked && name == kOwn ? failure() : std::nullopt;
  });

  apply(desired);

  EXPECT_THAT(machine.instances.holders(kMoving), IsEmpty());
  EXPECT_EQ(daemon().daemon->recorded().find_tenant(kMoving)->placement->str(), kOwn);
  when([](const std::string&, std::string_view) { return Answer(); });
  machine.sim.advance(61s);
  EXPECT_THAT(machine.instances.holders(kMoving), ElementsAre(kOwn));
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantWhoseConfigurationCannotBeWrittenIsRecordedWhereItIs) {
  machine.instances.script(kOwn, {.ready_after = 5s});
  machine.sim.call_after(4s, [this] {
    EXPECT_THAT(machine.files.remove("/var/lib/voicectl/tenants/alpha/config.json"), IsOk());
    machine.files.fill_disk();
  });
  machine.sim.call_after(100s, [this] { machine.files.free_space(); });

  expect_that_it_stays();
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantWhoseNewInstanceDoesNotStartIsRecordedWhereItIs) {
  machine.instances.script(kOwn, {.ready_after = std::nullopt});

  expect_that_it_stays();
  expect_that_it_moves();
}

TEST_F(RebindSim, ATenantWhoseHomeIsAwayIsStillAtHome) {
  desired.tenants[0].tier = Tier::kAuto;
  machine.instances.script(home, {.ready_after = 10s});
  machine.instances.crash(home);
  machine.sim.advance(2s);

  apply(desired);
  machine.sim.advance(61s);

  EXPECT_TRUE(accepts(home));
  expect_converged(desired);
}

TEST_F(RebindSim, ATenantThatItsHomeRefusesForLongIsStillAtHome) {
  desired.tenants[0].tier = Tier::kAuto;
  when([](const std::string&, std::string_view asked) -> Answer {
    return asked == control::request::kLend ? failure() : std::nullopt;
  });
  machine.instances.crash(home);
  machine.sim.advance(10s);

  EXPECT_GE(apply(desired).outcome.failed, 1U);
  EXPECT_EQ(daemon().daemon->recorded().find_tenant(kMoving)->placement->str(), home);
  when([](const std::string&, std::string_view) { return Answer(); });
  machine.sim.advance(61s);

  EXPECT_TRUE(accepts(home));
  expect_converged(desired);
}

TEST_F(RebindSim, ADaemonThatComesBackMeanwhileKnowsWhoIsToBeLentAgain) {
  when([this](const std::string& name, std::string_view asked) -> Answer {
    if (asked == control::request::kHandOver) {
      return not_handed_over(ErrorCode::kInternal);
    }
    return asked == control::request::kLend && name == home ? failure() : std::nullopt;
  });
  apply(desired);
  kill_daemon();
  EXPECT_FALSE(accepts(home));
  when([](const std::string&, std::string_view) { return Answer(); });

  start_daemon();
  machine.sim.advance(61s);

  EXPECT_EQ(machine.instances.holders(kMoving).size(), 1U);
  expect_that_it_moves();
}

}  // namespace
}  // namespace voicectl
