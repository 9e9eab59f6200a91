// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/launch_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisioner/instances/process_file.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/faulty.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;

TEST(LaunchTemplateTest, NamesTheInstanceBeforeTheCommonArguments) {
  LaunchTemplate launch;
  launch.program = "/usr/lib/voicectl/voice-runtime";
  launch.arguments = {"--log-level", "debug"};

  const LaunchSpec spec =
      make_launch_spec(launch, *InstanceId::parse("shared-0"), InstanceKind::kShared, {7, 8, 9});

  EXPECT_THAT(spec.argv, ElementsAre("/usr/lib/voicectl/voice-runtime", "--instance", "shared-0",
                                     "--log-level", "debug"));
}

TEST(LaunchTemplateTest, GrantsLogControlAndAdminUnderTheirNumbers) {
  const LaunchSpec spec =
      make_launch_spec({}, *InstanceId::parse("shared-0"), InstanceKind::kShared,
                       {.control = 7, .admin = 8, .log = 9});

  std::map<int, int> granted;
  for (const FdGrant& grant : spec.descriptors) {
    granted[grant.child_number] = grant.fd;
  }
  EXPECT_EQ(granted, (std::map<int, int>{{1, 9}, {2, 9}, {3, 7}, {4, 8}}));
}

TEST(LaunchTemplateTest, PassesLimitsUserAndEnvironmentOn) {
  LaunchTemplate launch;
  launch.environment = {{"TZ", "UTC"}};
  launch.user = UserIds{990, 991};
  launch.max_descriptors = 4096;
  launch.max_address_space = Bytes{1ULL << 30};

  const LaunchSpec spec =
      make_launch_spec(launch, *InstanceId::parse("shared-0"), InstanceKind::kShared, {7, 8, 9});

  EXPECT_EQ(spec.environment.at("TZ"), "UTC");
  EXPECT_EQ(spec.user->uid, 990U);
  EXPECT_EQ(spec.max_descriptors, 4096U);
  EXPECT_EQ(spec.max_address_space, Bytes{1ULL << 30});
}

TEST(LaunchTemplateTest, OnlyAnInstanceOfOneTenantStepsBack) {
  LaunchTemplate launch;
  launch.dedicated_niceness = 7;
  const InstanceId name = *InstanceId::parse("dedicated-a");

  EXPECT_EQ(make_launch_spec(launch, name, InstanceKind::kDedicated, {7, 8, 9}).niceness, 7);
  EXPECT_EQ(make_launch_spec(launch, name, InstanceKind::kShared, {7, 8, 9}).niceness, 0);
}

TEST(ProcessFileTest, ReadsWhatItWrote) {
  const ProcessFile file{*Port::make(21900), ProcessIdentity{4711, 123456789, "boot"}};

  EXPECT_THAT(parse_process_file(render_process_file(file)), IsOkAnd(file));
}

TEST(ProcessFileTest, NeverYieldsInitAGroupOrNoNumber) {
  for (const char* pid : {"1", "0", "-1", "-4711", "99999999999", "\"12\""}) {
    const std::string text =
        std::string(R"({"admin_port":21900,"pid":)") + pid + R"(,"start_ticks":5,"boot_id":"b"})";

    EXPECT_THAT(parse_process_file(text), FailsWith(ErrorCode::kCorrupt)) << text;
  }
}

TEST(ProcessFileTest, RefusesOneThatNamesNoProcess) {
  EXPECT_THAT(parse_process_file(R"({"admin_port":21900})"), FailsWith(ErrorCode::kCorrupt));
}

TEST(ProcessFileTest, RefusesWhatIsCutShort) {
  const std::string whole =
      render_process_file({*Port::make(21900), ProcessIdentity{4711, 5, "boot"}});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(parse_process_file(whole.substr(0, length)), FailsWith(ErrorCode::kCorrupt));
  }
}

TEST(ProcessFileTest, OneThatIsOnlySaidToBeWrittenIsAnError) {
  FakeFileSystem files;
  ASSERT_THAT(files.make_directory("/run", kPrivateDirectory), IsOk());
  const ProcessFile before{*Port::make(21900), ProcessIdentity{7, 8, "boot"}};
  const ProcessFile after{*Port::make(21900), ProcessIdentity{9, 8, "boot"}};
  ASSERT_THAT(write_process_file(files, "/run/process.json", before), IsOk());
  FaultPlan plan;
  FaultyFileSystem faulty(files, plan);
  plan.lie_at(1);

  EXPECT_THAT(write_process_file(faulty, "/run/process.json", after),
              FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(write_process_file(faulty, "/run/process.json", after), IsOk());
}

}  // namespace
}  // namespace voicectl
