// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/process_inspector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/os/posix_process_spawner.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/matchers.h"
#include "tests/support/real_loop.h"
#include "tests/support/sim_reactor.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ProcessInspectorTest : public ::testing::Test {
 protected:
  /// A program that runs those lines of shell; `$1` is the word that it is asked.
  std::string program(const std::string& lines) {
    const std::string path = folder.path("program");
    std::ofstream(path) << "#!/bin/sh\n" << lines << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  Result<ProgramFacts> inspect(const std::string& path) {
    std::optional<Result<ProgramFacts>> facts;
    inspector.inspect(path, [&](const Result<ProgramFacts>& seen) { facts = seen; });
    EXPECT_FALSE(facts.has_value()) << "not in this turn";
    loop.run_until([&] { return facts.has_value(); });
    return *facts;
  }

  TempDir folder;
  RealLoop loop;
  PosixProcessSpawner spawner{loop.reactor(), loop.reactor()};
  ProcessInspector inspector{loop.reactor(), spawner, std::nullopt};
};

TEST_F(ProcessInspectorTest, ReadsWhatAProgramSaysOfItself) {
  const auto facts = inspect(program(R"(echo '{"version":"1.2","hand_over":"layout"}')"));

  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->version, "1.2");
  EXPECT_EQ(facts->hand_over, "layout");
}

TEST_F(ProcessInspectorTest, AnOlderOneThatKnowsItsVersionOnlyHandsNothingOver) {
  const auto facts = inspect(program("[ $1 = --version ] && echo 0.9 && exit 0\nexit 2"));

  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->version, "0.9");
  EXPECT_EQ(facts->hand_over, "");
}

TEST_F(ProcessInspectorTest, SaysHowOneFailsThatIsNoneOfOurs) {
  const auto facts = inspect(program("echo \"unknown word $1\" >&2; echo more >&2; exit 3"));

  ASSERT_THAT(facts, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(facts.error().text(), AllOf(HasSubstr("--version"), HasSubstr("unknown word"),
                                          ::testing::Not(HasSubstr("more"))));
}

TEST_F(ProcessInspectorTest, AnotherProgramThatKnowsItsVersionIsNone) {
  const auto facts = inspect("/bin/true");

  ASSERT_THAT(facts, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(facts.error().text(), HasSubstr("another program"));
}

TEST_F(ProcessInspectorTest, SaysThatAFileIsNoProgram) {
  const std::string path = folder.path("text");
  std::ofstream(path) << "hello";

  EXPECT_THAT(inspect(path), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(inspect(folder.path("nothing")), FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(ProcessInspectorTest, ReadsNoMoreOfOneThatTalksThanFits) {
  // What it cannot write it waits for; nobody reads before it ends.
  const auto facts = inspect(
      program("[ $1 = --describe ] && exit 2\nprintf 1.; head -c 300 /dev/zero | tr '\\0' x"));

  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->version.size(), 200U);
}

TEST_F(ProcessInspectorTest, KnowsNothingOfItsOwnDescriptorsAndSurroundings) {
  ASSERT_EQ(::setenv("VOICECTL_TEST_SECRET", "secret", 1), 0);
  const auto facts =
      inspect(program("[ $1 = --describe ] && exit 2\necho \"1.0-$VOICECTL_TEST_SECRET\""));

  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->version, "1.0-");
}

/// Simulated time: nobody waits ten seconds for a program that says nothing.
class MuteProgramTest : public ::testing::Test {
 protected:
  SimReactor sim;
  FakeProcesses processes{sim};
  FakeProcessSpawner spawner{processes};
};

TEST_F(MuteProgramTest, IsEndedAndTold) {
  ProcessInspector inspector(sim, spawner, std::nullopt);
  std::optional<Result<ProgramFacts>> facts;
  inspector.inspect("/bin/mute", [&](const Result<ProgramFacts>& seen) { facts = seen; });
  sim.advance(ProcessInspector::kPatience - std::chrono::milliseconds(1));
  EXPECT_FALSE(facts.has_value());
  ASSERT_EQ(processes.running().size(), 1U);

  // It is asked twice, and as long each time.
  sim.advance(std::chrono::milliseconds(2));
  sim.advance(ProcessInspector::kPatience + std::chrono::milliseconds(1));

  ASSERT_TRUE(facts.has_value());
  EXPECT_THAT(*facts, FailsWith(ErrorCode::kTimeout));
  EXPECT_TRUE(processes.running().empty());
}

TEST_F(MuteProgramTest, AnInspectorThatIsGoneTellsNobody) {
  auto inspector = std::make_unique<ProcessInspector>(sim, spawner, std::nullopt);
  bool is_told = false;
  inspector->inspect("/bin/mute", [&](const Result<ProgramFacts>&) { is_told = true; });

  inspector.reset();
  sim.advance(2 * ProcessInspector::kPatience);
  processes.end(processes.running().front(), FakeProcesses::exited(0));
  sim.settle();

  EXPECT_FALSE(is_told);
}

}  // namespace
}  // namespace voicectl
