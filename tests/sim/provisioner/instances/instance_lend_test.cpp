// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/instances/instance_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

class InstanceLendTest : public InstanceWorld {
 protected:
  Status reclaim(const std::string& name,
                 const std::string& tenant,
                 std::uint64_t token,
                 Duration within = Duration::zero()) {
    std::optional<Result<void>> done;
    manager().reclaim(an_instance(name), a_tenant(tenant), FencingToken{token}, into(done));
    machine.sim.advance(within);
    machine.sim.settle();
    EXPECT_TRUE(done.has_value());
    return done.value_or(Error(ErrorCode::kInternal, "cannot tell"));
  }

  /// As an instance that a newer daemon has greeted.
  static decltype(FakeInstances::on_request) fenced_greetings() {
    return [](const std::string&,
              const control::Message& question) -> std::optional<Result<std::string>> {
      if (question.type == control::request::kHello) {
        return Error(ErrorCode::kFenced, "epoch 1 is older than 2");
      }
      return std::nullopt;
    };
  }

  /// The connection breaks with each of the next `times` reclaims.
  void lose_reclaims(FakeInstances::Loss what, int times) {
    machine.instances.on_delivery = [what, left = times](const std::string&,
                                                         const control::Message& question) mutable {
      const bool is_lost = question.type == control::request::kReclaim && left > 0;
      left -= is_lost ? 1 : 0;
      return is_lost ? what : FakeInstances::Loss::kNothing;
    };
  }
};

TEST_F(InstanceLendTest, GivesTheTenantWithItsListenersToTheInstance) {
  start_ready("shared-0");

  lend("shared-0", "mario-pizza", 4, 21007);

  const FakeInstances::Lent* lent = machine.instances.find("shared-0", a_tenant("mario-pizza"));
  ASSERT_NE(lent, nullptr);
  EXPECT_EQ(lent->token, FencingToken{4});
  EXPECT_EQ(lent->generation, Generation{7});
  EXPECT_EQ(lent->config, "/etc/mario-pizza");
  EXPECT_EQ(lent->data, "/var/mario-pizza");
  EXPECT_EQ(lent->unix_address, "unix:" + socket_of("mario-pizza"));
  EXPECT_EQ(lent->tcp_address, "127.0.0.1:21007");
  EXPECT_EQ(view("shared-0")->tenants.at(a_tenant("mario-pizza")),
            (LentTenant{Generation{7}, FencingToken{4},
                        daemon().bank.descriptors(a_tenant("mario-pizza"))->binding}));
}

TEST_F(InstanceLendTest, KeepsTheListenersWhenTheTenantIsReclaimed) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 1), IsOk());

  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), IsEmpty());
  EXPECT_THAT(view("shared-0")->tenants, IsEmpty());
  EXPECT_TRUE(machine.network.is_held(a_port(21000)));
}

TEST_F(InstanceLendTest, CountsATenantThatIsNotThereAsReclaimed) {
  start_ready("shared-0");

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 1), IsOk());
  EXPECT_THAT(reclaim("nobody", "mario-pizza", 1), IsOk());
}

TEST_F(InstanceLendTest, AsksAgainWhereTheAnswerWentWithTheConnection) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  lend("shared-0", "luigi-pasta", 1, 21001);
  lose_reclaims(FakeInstances::Loss::kAnswer, 1);

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 2, 5s), IsOk());

  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), IsEmpty());
  EXPECT_THAT(view("shared-0")->tenants, ElementsAre(Key(a_tenant("luigi-pasta"))));
}

TEST_F(InstanceLendTest, AsksAgainAlsoWhomItHasForgottenMeanwhile) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  lend("shared-0", "luigi-pasta", 1, 21001);
  lose_reclaims(FakeInstances::Loss::kAnswer, 2);
  std::optional<Result<void>> first;
  std::optional<Result<void>> second;
  manager().reclaim(an_instance("shared-0"), a_tenant("mario-pizza"), FencingToken{2}, into(first));
  manager().reclaim(an_instance("shared-0"), a_tenant("luigi-pasta"), FencingToken{3},
                    into(second));
  machine.sim.settle();
  ASSERT_FALSE(first || second);
  ASSERT_THAT(machine.instances.holders(a_tenant("mario-pizza")), IsEmpty());
  ASSERT_THAT(machine.instances.holders(a_tenant("luigi-pasta")), IsEmpty());

  machine.sim.advance(5s);

  ASSERT_TRUE(first && second);
  EXPECT_THAT(*first, IsOk());
  EXPECT_THAT(*second, IsOk());
  EXPECT_THAT(view("shared-0")->tenants, IsEmpty());
}

TEST_F(InstanceLendTest, AsksAgainWhatNeverArrived) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  lose_reclaims(FakeInstances::Loss::kQuestion, 2);

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 2, 5s), IsOk());

  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), IsEmpty());
  EXPECT_THAT(view("shared-0")->tenants, IsEmpty());
}

TEST_F(InstanceLendTest, DoesNotAskForEverWhoseConnectionBreaksEachTime) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  lose_reclaims(FakeInstances::Loss::kQuestion, 1000);

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 2, 60s), FailsWith(ErrorCode::kUnavailable));

  EXPECT_TRUE(view("shared-0")->tenants.contains(a_tenant("mario-pizza")));
}

TEST_F(InstanceLendTest, WaitsForNobodyWhoObeysANewerDaemon) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  machine.instances.on_request = fenced_greetings();
  machine.instances.drop_channel("shared-0");

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 2, 5s), FailsWith(ErrorCode::kFenced));
}

TEST_F(InstanceLendTest, WaitsForNoVerdictOnWhoObeysANewerDaemon) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  std::optional<Result<void>> waiting;
  manager().doubt(an_instance("shared-0"), *machine.instances.identity("shared-0"),
                  Doubt::kReplace);
  manager().reclaim(an_instance("shared-0"), a_tenant("mario-pizza"), FencingToken{2},
                    into(waiting));
  machine.sim.advance(1s);
  ASSERT_FALSE(waiting);
  machine.instances.on_request = fenced_greetings();

  machine.instances.drop_channel("shared-0");
  machine.sim.advance(5s);

  ASSERT_TRUE(waiting);
  EXPECT_THAT(*waiting, FailsWith(ErrorCode::kFenced));
  EXPECT_EQ(view("shared-0")->standby, std::nullopt);
}

TEST_F(InstanceLendTest, AsksAgainWhomItCouldNotWriteTo) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  machine.instances.on_request =
      [left = 2](const std::string&,
                 const control::Message& question) mutable -> std::optional<Result<std::string>> {
    if (question.type == control::request::kReclaim && left-- > 0) {
      return Error(ErrorCode::kUnavailable, "cannot ask: the channel is closed");
    }
    return std::nullopt;
  };

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 2, 5s), IsOk());

  EXPECT_THAT(view("shared-0")->tenants, IsEmpty());
}

TEST_F(InstanceLendTest, ADaemonThatLetsGoHasTakenNothingBack) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 1);
  lose_reclaims(FakeInstances::Loss::kQuestion, 1);
  std::optional<Result<void>> waiting;
  manager().reclaim(an_instance("shared-0"), a_tenant("mario-pizza"), FencingToken{2},
                    into(waiting));
  machine.sim.settle();
  ASSERT_FALSE(waiting);

  manager().detach();
  machine.sim.settle();

  ASSERT_TRUE(waiting);
  EXPECT_THAT(*waiting, FailsWith(ErrorCode::kCancelled));
}

TEST_F(InstanceLendTest, PassesOnThatTheTokenIsOld) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza", 5);

  EXPECT_THAT(reclaim("shared-0", "mario-pizza", 4), FailsWith(ErrorCode::kFenced));

  EXPECT_THAT(machine.instances.holders(a_tenant("mario-pizza")), ElementsAre("shared-0"));
  EXPECT_TRUE(view("shared-0")->tenants.contains(a_tenant("mario-pizza")));
}

TEST_F(InstanceLendTest, RefusesToLendToOneThatIsNotReady) {
  machine.instances.script_all({.ready_after = 5s});
  std::optional<Result<InstanceReady>> ready;
  manager().start(shared("shared-0"), into(ready));
  const TenantId tenant = a_tenant("mario-pizza");
  ASSERT_THAT(daemon().bank.bind(tenant, socket_of("mario-pizza"), SocketAccess{}, a_port(21000)),
              IsOk());
  std::optional<Result<void>> lent;

  manager().lend(LendOptions{an_instance("shared-0"), tenant, Generation{1}, FencingToken{1}, "/c",
                             "/d", *daemon().bank.descriptors(tenant)},
                 into(lent));
  machine.sim.settle();

  ASSERT_TRUE(lent.has_value());
  EXPECT_THAT(*lent, FailsWith(ErrorCode::kUnavailable));
}

TEST_F(InstanceLendTest, NotesTheGenerationOfANewConfiguration) {
  start_ready("shared-0");
  lend("shared-0", "mario-pizza");
  std::optional<Result<void>> done;

  manager().reconfigure(an_instance("shared-0"), a_tenant("mario-pizza"), Generation{8}, "/new",
                        into(done));
  machine.sim.settle();

  ASSERT_TRUE(done.has_value());
  EXPECT_THAT(*done, IsOk());
  EXPECT_EQ(machine.instances.find("shared-0", a_tenant("mario-pizza"))->config, "/new");
  EXPECT_EQ(view("shared-0")->tenants.at(a_tenant("mario-pizza")).generation, Generation{8});
}

TEST_F(InstanceLendTest, GivesTheBodyOfTheAnswerToAnyOtherQuestion) {
  start_ready("shared-0");
  std::optional<Result<std::string>> sessions;

  manager().request(an_instance("shared-0"), control::request::kListSessions, "{}", 5s,
                    into(sessions));
  machine.sim.settle();

  ASSERT_TRUE(sessions.has_value());
  EXPECT_THAT(*sessions, IsOkAnd(R"({"sessions":[]})"));
}

TEST_F(InstanceLendTest, KnowsNothingOfAnUnknownInstance) {
  std::optional<Result<std::string>> stats;

  manager().request(an_instance("nobody"), control::request::kStats, "{}", 5s, into(stats));
  machine.sim.settle();

  ASSERT_TRUE(stats.has_value());
  EXPECT_THAT(*stats, FailsWith(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace voicectl
