// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/posix_program_host.h"
#include "tests/support/temp_dir.h"
#include "tests/support/without_descriptors.h"

namespace voicectl {
namespace {

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

LaunchSpec program(std::vector<std::string> argv) {
  LaunchSpec spec;
  spec.argv = std::move(argv);
  return spec;
}

class ProgramHostTest : public ::testing::Test {
 protected:
  ProcessIdentity start(const std::string& script) {
    const Result<ProcessIdentity> who =
        host_.start(program({"/bin/sh", "-c", script}), folder_.path("log"));
    EXPECT_TRUE(who.has_value());
    return *who;
  }

  TempDir folder_;
  PosixProgramHost host_;
};

TEST_F(ProgramHostTest, AppendsWhatAProgramSaysToItsLog) {
  std::ofstream(folder_.path("log")) << "before\n";
  const ProcessIdentity who = start("echo out; echo err >&2");

  EXPECT_EQ(host_.wait_for_end(who, std::chrono::seconds(10)), WaitOutcome::kEnded);

  EXPECT_EQ(content_of(folder_.path("log")), "before\nout\nerr\n");
  EXPECT_FALSE(host_.is_running(who));
}

TEST_F(ProgramHostTest, WaitsNoLongerThanItMay) {
  const ProcessIdentity who = start("exec sleep 60");

  EXPECT_EQ(host_.wait_for_end(who, std::chrono::milliseconds(20)), WaitOutcome::kStillRunning);
  EXPECT_TRUE(host_.is_running(who));

  EXPECT_TRUE(host_.signal(who, SIGTERM).has_value());
  EXPECT_EQ(host_.wait_for_end(who, std::chrono::seconds(10)), WaitOutcome::kEnded);
}

TEST_F(ProgramHostTest, AWaitThatGaveUpDoesNotEndALaterOne) {
  const ProcessIdentity first = start("exec sleep 60");
  const ProcessIdentity second = start("exec sleep 60");
  EXPECT_EQ(host_.wait_for_end(first, Duration::zero()), WaitOutcome::kStillRunning);
  EXPECT_EQ(host_.wait_for_end(second, Duration::zero()), WaitOutcome::kStillRunning);

  EXPECT_TRUE(host_.signal(first, SIGTERM).has_value());
  EXPECT_TRUE(host_.signal(second, SIGTERM).has_value());

  EXPECT_EQ(host_.wait_for_end(first, std::chrono::seconds(10)), WaitOutcome::kEnded);
  EXPECT_EQ(host_.wait_for_end(second, std::chrono::seconds(10)), WaitOutcome::kEnded);
}

TEST_F(ProgramHostTest, HoweverOftenOneLooksNoDescriptorIsLost) {
  const ProcessIdentity who = start("exec sleep 60");
  EXPECT_EQ(host_.wait_for_end(who, Duration::zero()), WaitOutcome::kStillRunning);
  const std::size_t before = open_descriptors();

  for (int look = 0; look < 2000; ++look) {
    ASSERT_EQ(host_.wait_for_end(who, Duration::zero()), WaitOutcome::kStillRunning) << look;
  }

  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(host_.signal(who, SIGTERM).has_value());
  EXPECT_EQ(host_.wait_for_end(who, std::chrono::seconds(10)), WaitOutcome::kEnded);
  EXPECT_EQ(host_.wait_for_end(who, std::chrono::seconds(10)), WaitOutcome::kEnded);
}

TEST_F(ProgramHostTest, AProgramThatCannotBeWatchedIsNotTakenForEnded) {
  VC_NEEDS_NO_DESCRIPTORS();
  const ProcessIdentity who = start("exec sleep 60");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit full = before;
  full.rlim_cur = open_descriptors() - 1;  // without the one that counts them
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);

  const WaitOutcome looked = host_.wait_for_end(who, Duration::zero());

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(looked, WaitOutcome::kStillRunning);
  EXPECT_TRUE(host_.signal(who, SIGTERM).has_value());
  EXPECT_EQ(host_.wait_for_end(who, std::chrono::seconds(10)), WaitOutcome::kEnded);
}

TEST_F(ProgramHostTest, ProgramsOutliveTheirHost) {
  std::optional<ProcessIdentity> who;
  {
    PosixProgramHost first;
    who = *first.start(program({"/bin/sh", "-c", "exec sleep 60"}), folder_.path("log"));
  }

  EXPECT_TRUE(host_.is_running(*who));
  EXPECT_TRUE(host_.signal(*who, SIGKILL).has_value());
}

TEST_F(ProgramHostTest, SaysWhatCannotBeStartedOrWritten) {
  EXPECT_EQ(host_.start(program({"/no/such"}), folder_.path("log")).error().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(host_.start(program({"/bin/true"}), "/no/such/log").error().code(),
            ErrorCode::kPermissionDenied);
}

TEST_F(ProgramHostTest, LetsTimePass) {
  const MonoTime before = host_.now();

  host_.pause(std::chrono::milliseconds(5));

  EXPECT_GE(host_.now() - before, std::chrono::milliseconds(5));
}

}  // namespace
}  // namespace voicectl
