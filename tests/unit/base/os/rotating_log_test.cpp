// SPDX-License-Identifier: Apache-2.0
#include "base/os/rotating_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Log files in memory, born when the clock says.
class MemoryLogFiles final : public LogFiles {
 public:
  explicit MemoryLogFiles(const WallClock& clock) : clock_(clock) {}

  Result<UniqueFd> open_fifo(const std::string&) override { return UniqueFd(); }
  Result<std::string> read(const UniqueFd&, std::size_t) override { return std::string(); }
  Status append(const std::string& path, std::string_view lines) override {
    if (refuses_writes) {
      return Error(ErrorCode::kResourceExhausted, "cannot write: disk is full");
    }
    files.try_emplace(path, File{"", clock_.now()}).first->second.content += lines;
    return ok_status();
  }
  std::optional<LogFileState> find(const std::string& path) override {
    const auto file = files.find(path);
    return file == files.end()
               ? std::nullopt
               : std::optional(LogFileState{Bytes{file->second.content.size()}, file->second.born});
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (refuses_renames) {
      return Error(ErrorCode::kPermissionDenied, "cannot rename: not allowed");
    }
    if (auto file = files.extract(from)) {
      files.erase(to);
      file.key() = to;
      files.insert(std::move(file));
    }
    return ok_status();
  }
  Status remove(const std::string& path) override {
    files.erase(path);
    return ok_status();
  }

  struct File {
    std::string content;
    WallTime born;
  };
  std::map<std::string, File> files;
  bool refuses_writes = false;
  bool refuses_renames = false;

 private:
  const WallClock& clock_;
};

class RotatingLogTest : public ::testing::Test {
 protected:
  RotatingLog make(LogRotation rotation = {}) { return {files, clock, "/log/i.log", rotation}; }
  std::string content(const std::string& suffix = "") {
    return files.files["/log/i.log" + suffix].content;
  }
  bool exists(const std::string& suffix) { return files.files.contains("/log/i.log" + suffix); }

  FixedWallClock clock;
  MemoryLogFiles files{clock};
};

TEST_F(RotatingLogTest, WritesWholeLinesOnly) {
  RotatingLog log = make();

  log.take("one\ntw");
  EXPECT_EQ(content(), "one\n");
  log.take("o\n");

  EXPECT_EQ(content(), "one\ntwo\n");
}

TEST_F(RotatingLogTest, EndsAnUnfinishedLineWhenNothingMoreCanCome) {
  RotatingLog log = make();
  log.take("last words");

  log.finish();
  log.finish();

  EXPECT_EQ(content(), "last words\n");
}

TEST_F(RotatingLogTest, SplitsALineThatIsTooLong) {
  RotatingLog log = make();

  log.take(std::string(kMaxLogLine, 'a'));
  EXPECT_FALSE(exists(""));
  log.take("b\n");

  EXPECT_EQ(content(), std::string(kMaxLogLine, 'a') + "\nb\n");
}

TEST_F(RotatingLogTest, KeepsALineOfExactlyTheLongestLengthWhole) {
  RotatingLog log = make();

  log.take(std::string(kMaxLogLine, 'a') + "\n");

  EXPECT_EQ(content(), std::string(kMaxLogLine, 'a') + "\n");
}

TEST_F(RotatingLogTest, WritesTheSameBytesHoweverTheyArrive) {
  std::string text;
  for (int line = 0; line < 500; ++line) {
    text += std::string(static_cast<std::size_t>(line * 7 % 90), 'x') + "\n";
  }
  for (const std::size_t piece : {1UL, 2UL, 7UL, 64UL, 100'000UL}) {
    files.files.clear();
    RotatingLog log = make();

    for (std::size_t at = 0; at < text.size(); at += piece) {
      log.take(text.substr(at, piece));
    }

    EXPECT_EQ(content(), text) << piece;
  }
}

TEST_F(RotatingLogTest, PutsTheFileAsideBeforeItWouldGrowPastItsBound) {
  RotatingLog log = make({.max_size = Bytes{10}});

  log.take("12345678\n");
  log.take("next\n");

  EXPECT_EQ(content(".1"), "12345678\n");
  EXPECT_EQ(content(), "next\n");
}

TEST_F(RotatingLogTest, PutsAnOldFileAsideWithTheNextLine) {
  RotatingLog log = make();
  log.take("old\n");
  clock.advance(std::chrono::hours(24));
  log.take("new\n");

  EXPECT_EQ(content(".1"), "old\n");
  EXPECT_EQ(content(), "new\n");
}

TEST_F(RotatingLogTest, KeepsTheNumberOfFilesThatItMay) {
  RotatingLog log = make({.max_size = Bytes{3}, .kept_files = 2});

  for (const char* line : {"a\n", "b\n", "c\n", "d\n"}) {
    log.take(line);
  }

  EXPECT_EQ(content(), "d\n");
  EXPECT_EQ(content(".1"), "c\n");
  EXPECT_EQ(content(".2"), "b\n");
  EXPECT_FALSE(exists(".3"));
}

TEST_F(RotatingLogTest, RemovesTheOldestFilesBeyondTheTotalCap) {
  RotatingLog log = make({.max_size = Bytes{10}, .kept_files = 7, .total_cap = Bytes{25}});

  for (int round = 0; round < 6; ++round) {
    log.take("1234567\n");
  }

  EXPECT_TRUE(exists(".1"));
  EXPECT_FALSE(exists(".2"));
}

TEST_F(RotatingLogTest, SaysHowMuchIsMissingOnceTheDiskTakesLinesAgain) {
  RotatingLog log = make();
  files.refuses_writes = true;
  log.take("lost line\n");
  files.refuses_writes = false;

  log.take("kept line\n");

  EXPECT_EQ(content(),
            "voicectl: 10 B of this log are missing: the disk refused them\nkept line\n");
}

TEST_F(RotatingLogTest, GrowsNoFileThatItCannotPutAside) {
  RotatingLog log = make({.max_size = Bytes{10}});
  log.take("12345678\n");
  files.refuses_renames = true;

  for (int round = 0; round < 100; ++round) {
    log.take("more\n");
  }

  EXPECT_EQ(content(), "12345678\n");
}

TEST_F(RotatingLogTest, RemembersTheLastLinesForMessages) {
  RotatingLog log = make();
  for (int line = 0; line < 30; ++line) {
    log.take(std::to_string(line) + "\n");
  }
  log.take("unfin");

  const std::vector<std::string> lines = log.last_lines();

  ASSERT_EQ(lines.size(), kRememberedLogLines + 1);
  EXPECT_EQ(lines.front(), "10");
  EXPECT_EQ(lines.back(), "unfin");
}

}  // namespace
}  // namespace voicectl
