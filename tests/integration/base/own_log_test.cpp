// SPDX-License-Identifier: Apache-2.0
#include "base/os/own_log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/os/posix_file_system.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class OwnLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<OwnLog> open(Bytes max_size) {
    OwnLog::Options options{.path = folder_.path("own.log"), .rotation = {}, .descriptors = {}};
    options.rotation.max_size = max_size;
    options.rotation.kept_files = 2;
    options.descriptors = {output_.get()};
    Result<std::unique_ptr<OwnLog>> log = OwnLog::open(clock_, options);
    EXPECT_THAT(log, IsOk());
    return log.has_value() ? std::move(*log) : nullptr;
  }
  void say_directly(std::string_view text) const {
    ASSERT_EQ(::write(output_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string content(const std::string& name) {
    return files_.read(folder_.path(name), 1 << 20)->value_or("<absent>");
  }

  TempDir folder_;
  PosixFileSystem files_;
  FixedWallClock clock_;
  /// Stands for standard error.
  UniqueFd output_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
};

TEST_F(OwnLogTest, TheLogOfAProgramThatRunsForWeeksStaysBounded) {
  const std::unique_ptr<OwnLog> log = open(Bytes{1000});

  for (int i = 0; i < 1000; ++i) {
    log->write(LogLevel::kInfo, fmt::format("line {:04} {}", i, std::string(80, '.')));
  }

  EXPECT_THAT(*files_.list(folder_.path()), ElementsAre("own.log", "own.log.1", "own.log.2"));
  EXPECT_LE(content("own.log").size(), 1000U);
  EXPECT_LE(content("own.log.1").size(), 1000U);
  EXPECT_THAT(content("own.log"), HasSubstr("line 0999"));
}

TEST_F(OwnLogTest, WhatOthersWriteToStandardErrorStandsInTheNewestFile) {
  const std::unique_ptr<OwnLog> log = open(Bytes{200});
  say_directly("before\n");
  EXPECT_THAT(content("own.log"), HasSubstr("before"));

  log->write(LogLevel::kInfo, std::string(150, 'a'));
  log->write(LogLevel::kInfo, std::string(150, 'b'));
  say_directly("last words\n");

  EXPECT_THAT(content("own.log"), EndsWith("last words\n"));
  EXPECT_THAT(content("own.log.1"), HasSubstr("before"));
}

TEST_F(OwnLogTest, GoesOnInANewFileAfterSomebodyMovedTheOldOne) {
  const std::unique_ptr<OwnLog> log = open(Bytes{1U << 20});
  log->write(LogLevel::kInfo, "old");
  ASSERT_THAT(files_.move(folder_.path("own.log"), folder_.path("moved")), IsOk());

  ASSERT_THAT(log->reopen(), IsOk());
  say_directly("new\n");

  EXPECT_EQ(content("moved"), "old\n");
  EXPECT_EQ(content("own.log"), "new\n");
}

}  // namespace
}  // namespace voicectl
