// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_log_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/system_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

class PosixLogFilesTest : public ::testing::Test {
 protected:
  TempDir dir;
  PosixLogFiles files;
};

TEST_F(PosixLogFilesTest, ReadsOnWhereAnEarlierReaderStopped) {
  const Result<UniqueFd> writer = files.open_fifo(dir.path("log.fifo"));
  ASSERT_THAT(writer, IsOk());
  ASSERT_EQ(::write(writer->get(), "waits", 5), 5);

  const Result<UniqueFd> reader = files.open_fifo(dir.path("log.fifo"));

  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT(files.read(*reader, 3), IsOkAnd("wai"));
  EXPECT_THAT(files.read(*reader, 100), IsOkAnd("ts"));
  EXPECT_THAT(files.read(*reader, 100), IsOkAnd(""));
}

TEST_F(PosixLogFilesTest, OpensNothingThatIsNoFifo) {
  ASSERT_THAT(files.append(dir.path("log.fifo"), "a file"), IsOk());
  ASSERT_EQ(::symlink("/dev/null", dir.path("link").c_str()), 0);

  EXPECT_THAT(files.open_fifo(dir.path("log.fifo")), FailsWith(ErrorCode::kConflict));
  EXPECT_TRUE(files.open_fifo(dir.path("link")).has_error());
}

TEST_F(PosixLogFilesTest, AppendsAndTellsSizeAndBirth) {
  const WallTime before = SystemWallClock().now() - std::chrono::seconds(2);

  ASSERT_THAT(files.append(dir.path("a.log"), "one\n"), IsOk());
  ASSERT_THAT(files.append(dir.path("a.log"), "two\n"), IsOk());

  const std::optional<LogFileState> state = files.find(dir.path("a.log"));
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->size, Bytes{8});
  EXPECT_GE(state->born, before);
  EXPECT_FALSE(files.find(dir.path("b.log")).has_value());
}

TEST_F(PosixLogFilesTest, FollowsNoLinkWhenItWrites) {
  ASSERT_EQ(::symlink(dir.path("elsewhere").c_str(), dir.path("a.log").c_str()), 0);

  EXPECT_TRUE(files.append(dir.path("a.log"), "one\n").has_error());

  EXPECT_FALSE(files.find(dir.path("elsewhere")).has_value());
}

TEST_F(PosixLogFilesTest, RenamesAndRemovesWhatMayNotBeThere) {
  ASSERT_THAT(files.append(dir.path("a.log"), "one\n"), IsOk());

  EXPECT_THAT(files.rename(dir.path("a.log"), dir.path("a.log.1")), IsOk());
  EXPECT_THAT(files.rename(dir.path("a.log"), dir.path("a.log.2")), IsOk());
  EXPECT_TRUE(files.find(dir.path("a.log.1")).has_value());
  EXPECT_THAT(files.remove(dir.path("a.log.1")), IsOk());
  EXPECT_THAT(files.remove(dir.path("a.log.1")), IsOk());
}

TEST_F(PosixLogFilesTest, NamesTheFileThatItCannotWrite) {
  const Status refused = files.append(dir.path("missing/a.log"), "one\n");

  ASSERT_THAT(refused, FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(refused.error().text(), ::testing::HasSubstr("missing/a.log"));
}

}  // namespace
}  // namespace voicectl
