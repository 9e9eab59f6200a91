// SPDX-License-Identifier: Apache-2.0
// A plan that is saved, carried elsewhere, and applied: by the built programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

class SavedPlanE2e : public ::testing::Test {
 protected:
  std::string save(const std::string& extra, const std::string& name) {
    const std::string path = platform.path(name);
    const Finished planned =
        platform.voicectl({"plan", "-f", platform.write_file(extra), "--out", path});
    EXPECT_EQ(planned.code, 0) << planned.err;
    return path;
  }

  Platform platform;
};

TEST_F(SavedPlanE2e, IsAppliedExactlyOnceAndRefusedWhenTheWorldMoved) {
  platform.up();
  const std::string first = save(Platform::small_restaurant("first-shop"), "first.json");
  const std::string second = save(Platform::small_restaurant("second-shop"), "second.json");
  struct stat found {};
  ASSERT_EQ(::stat(first.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);

  const Finished applied = platform.voicectl({"apply", first, "--yes", "--no-input"});
  const Finished again = platform.voicectl({"apply", first, "--yes", "--no-input"});
  const Finished late = platform.voicectl({"apply", second, "--yes", "--no-input"});

  EXPECT_EQ(applied.code, 0) << applied.out << applied.err;
  EXPECT_THAT(applied.out, HasSubstr("create tenant first-shop"));
  EXPECT_EQ(again.code, 4) << again.out << again.err;
  EXPECT_THAT(again.out, HasSubstr("Not to be done any more:"));
  EXPECT_EQ(late.code, 4) << late.out << late.err;
  EXPECT_THAT(late.err, HasSubstr("the platform has changed since it was made"));
  EXPECT_EQ(platform.voicectl({"tenant", "show", "first-shop"}).code, 0);
  EXPECT_EQ(platform.voicectl({"tenant", "show", "second-shop"}).code, 3);
}

TEST_F(SavedPlanE2e, OfAnotherPlatformIsRefused) {
  platform.up();
  const std::string here = save(Platform::small_restaurant("first-shop"), "here.json");
  Platform other;
  other.up();

  const Finished there = other.voicectl({"apply", here, "--yes"});

  EXPECT_EQ(there.code, 1) << there.out << there.err;
  EXPECT_THAT(there.err, HasSubstr("it was made for another platform"));
}

}  // namespace
}  // namespace voicectl::e2e
