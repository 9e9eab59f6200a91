// SPDX-License-Identifier: Apache-2.0
// An instance that does not answer any more is recognised and replaced, and no other is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LivenessSim : public DaemonWorld {
 protected:
  LivenessSim() : watch_(std::make_unique<SimWatch>(daemon())) { watch_->watch.liveness().begin(); }
  ~LivenessSim() override { watch_.reset(); }

  static DesiredState a_platform() { return platform_with({"alpha", "beta"}); }
  void hang(const std::string& instance) {
    machine.instances.script_of_running(instance).is_mute = true;
  }
  std::size_t told(const std::string& event) {
    return static_cast<std::size_t>(
        std::count_if(machine.log_lines.begin(), machine.log_lines.end(),
                      [&](const std::string& line) { return line.find(event) != line.npos; }));
  }
  std::vector<std::string> holders(const std::string& tenant) {
    return machine.instances.holders(*TenantId::parse(tenant));
  }
  void note_answer(const std::string& instance) {
    watch_->watch.liveness().note_answer(*InstanceId::parse(instance));
  }
  std::map<InstanceId, std::uint32_t> missed() const { return watch_->watch.liveness().missed(); }

 private:
  std::unique_ptr<SimWatch> watch_;
};

TEST_F(LivenessSim, OneThatHangsIsKilledAndItsTenantsAreServedAgain) {
  apply(a_platform());
  machine.sim.advance(60s);
  EXPECT_THAT(missed(), IsEmpty());
  const int starts = machine.instances.starts("shared-0");
  const int others = machine.instances.starts("shared-1");

  hang("shared-0");
  machine.sim.advance(14s);
  EXPECT_EQ(machine.instances.starts("shared-0"), starts) << "two missed are not enough";
  EXPECT_EQ(missed().size(), 1U);
  machine.sim.advance(30s);

  EXPECT_EQ(machine.instances.starts("shared-0"), starts + 1);
  EXPECT_THAT(holders("alpha"), ElementsAre("shared-0"));
  EXPECT_THAT(holders("beta"), ElementsAre("shared-1")) << "another is left alone";
  EXPECT_EQ(machine.instances.starts("shared-1"), others);
  EXPECT_EQ(told("instance.hangs"), 1U);
  EXPECT_EQ(told("instance.exited"), 1U);
  EXPECT_THAT(missed(), IsEmpty());
}

TEST_F(LivenessSim, OneThatWasOnlySlowIsLeftAlone) {
  apply(a_platform());
  machine.sim.advance(60s);
  const int starts = machine.instances.starts("shared-0");

  for (int i = 0; i < 10; ++i) {
    hang("shared-0");
    machine.sim.advance(10s);
    machine.instances.script_of_running("shared-0").is_mute = false;
    machine.sim.advance(20s);
  }

  EXPECT_EQ(machine.instances.starts("shared-0"), starts);
  EXPECT_EQ(told("instance.hangs"), 0U);
}

TEST_F(LivenessSim, OneThatDoesNotKnowTheQuestionLives) {
  apply(a_platform());
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    return question.type == control::request::kPing
               ? std::optional<Result<std::string>>(
                     Error(ErrorCode::kInvalidArgument, "cannot do 'ping'"))
               : std::nullopt;
  };

  machine.sim.advance(300s);

  EXPECT_THAT(missed(), IsEmpty());
  EXPECT_EQ(told("instance.hangs"), 0U);
}

TEST_F(LivenessSim, OneThatHasJustAnsweredSomethingElseIsNotAsked) {
  apply(a_platform());
  std::map<std::string, int> asked;
  machine.instances.on_request =
      [&](const std::string& instance,
          const control::Message& question) -> std::optional<Result<std::string>> {
    asked[instance] += question.type == control::request::kPing ? 1 : 0;
    return std::nullopt;
  };
  machine.sim.advance(1s);
  for (int second = 0; second < 60; ++second) {
    note_answer("shared-0");
    machine.sim.advance(1s);
  }
  EXPECT_EQ(asked["shared-0"], 0);
  EXPECT_GE(asked["shared-1"], 11);

  hang("shared-0");
  const int starts = machine.instances.starts("shared-0");
  machine.sim.advance(30s);

  EXPECT_EQ(machine.instances.starts("shared-0"), starts + 1) << "silence is heard all the same";
}

TEST_F(LivenessSim, IsOnlyToldWhereNobodyIsToBeReplaced) {
  DesiredState desired = a_platform();
  desired.platform.liveness = {.interval = 2s, .misses = 4, .replaces = false};
  apply(desired);
  const int starts = machine.instances.starts("shared-0");

  hang("shared-0");
  machine.sim.advance(120s);

  EXPECT_EQ(machine.instances.starts("shared-0"), starts);
  EXPECT_EQ(told("instance.hangs"), 1U);
  EXPECT_GT(missed().begin()->second, 4U);
}

}  // namespace
}  // namespace voicectl
