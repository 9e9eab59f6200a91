// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/log_tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogTailTest : public ::testing::Test {
 protected:
  void append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  /// As RotatingLog puts files aside.
  void rotate(int files) {
    for (int number = files; number > 0; --number) {
      std::rename((path_ + "." + std::to_string(number)).c_str(),
                  (path_ + "." + std::to_string(number + 1)).c_str());
    }
    std::rename(path_.c_str(), (path_ + ".1").c_str());
  }
  static std::vector<std::string> all(LogTail& tail) {
    std::vector<std::string> out;
    for (std::vector<std::string> lines = tail.next(); !lines.empty(); lines = tail.next()) {
      out.insert(out.end(), lines.begin(), lines.end());
    }
    return out;
  }

  TempDir folder_;
  const std::string path_ = folder_.path("shared-0.log");
};

TEST_F(LogTailTest, GivesWholeLinesAsTheyCome) {
  LogTail tail(path_, LogStart::kPresentFile);
  EXPECT_THAT(all(tail), IsEmpty());

  append("one\ntw");
  EXPECT_THAT(all(tail), ElementsAre("one"));
  append("o\n");
  EXPECT_THAT(all(tail), ElementsAre("two"));
}

TEST_F(LogTailTest, LosesNoLineThatCameBeforeARotation) {
  LogTail tail(path_, LogStart::kPresentFile);
  append("one\n");
  ASSERT_THAT(all(tail), ElementsAre("one"));

  append("two\n");
  rotate(0);
  append("three\n");
  rotate(1);
  append("four\n");

  EXPECT_THAT(all(tail), ElementsAre("two", "three", "four"));
}

TEST_F(LogTailTest, BeginsWithTheOldestFileWhenAsked) {
  append("one\n");
  rotate(0);
  append("two\n");
  rotate(1);
  append("three\n");

  LogTail from_the_oldest(path_, LogStart::kOldestFile);
  LogTail from_the_present(path_, LogStart::kPresentFile);

  EXPECT_THAT(all(from_the_oldest), ElementsAre("one", "two", "three"));
  EXPECT_THAT(all(from_the_present), ElementsAre("three"));
}

TEST_F(LogTailTest, RepeatsNothingWhenSomebodyTakesTheFileAway) {
  append("one\n");
  rotate(0);
  append("two\n");
  LogTail tail(path_, LogStart::kPresentFile);
  ASSERT_THAT(all(tail), ElementsAre("two"));

  std::remove(path_.c_str());
  EXPECT_THAT(all(tail), IsEmpty());
  append("three\n");

  EXPECT_THAT(all(tail), ElementsAre("three"));
}

}  // namespace
}  // namespace voicectl
