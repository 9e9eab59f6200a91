// SPDX-License-Identifier: Apache-2.0
// What was applied is kept, compared and applied again: by the built programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

class RevisionsE2e : public ::testing::Test {
 protected:
  Platform platform;
};

TEST_F(RevisionsE2e, AreListedComparedAndRolledBackToAcrossARestart) {
  platform.up();
  const std::string more = platform.write_file(Platform::small_restaurant("soup-kitchen"));
  ASSERT_EQ(platform.voicectl({"apply", "-f", more, "--yes", "-m", "a new customer"}).code, 0);
  ASSERT_EQ(platform.voicectl({"apply", "-f", more, "--yes"}).code, 0);
  ASSERT_EQ(platform.voicectl({"tenant", "promote", "soup-kitchen", "--yes"}).code, 0);
  const int daemon = platform.pid_of_daemon();
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(daemon));
  // Without the file, which would be applied again.
  const Finished started =
      run({Platform::bin("voicectl"), "up", "--workspace", platform.workspace()});
  ASSERT_EQ(started.code, 0) << started.err;

  const json history = platform.voicectl_json({"history"});
  const Finished compared = platform.voicectl({"diff", "2", "3"});
  const Finished back = platform.voicectl({"rollback", "1", "--yes", "--allow-delete=1"});
  const json after = platform.voicectl_json({"history"});

  ASSERT_EQ(history["revisions"].size(), 3U) << history.dump(2);
  EXPECT_EQ(history["revisions"][0]["why"], "tenant promote soup-kitchen");
  EXPECT_THAT(history["revisions"][1]["why"].get<std::string>(), HasSubstr(": a new customer"));
  EXPECT_EQ(history["revisions"][2]["outcome"], "done");
  EXPECT_THAT(compared.out, HasSubstr("~ tenants[soup-kitchen].tier: auto -> dedicated"));
  EXPECT_EQ(back.code, 0) << back.out << back.err;
  EXPECT_EQ(after["revisions"][0]["why"], "rollback to 1");
  EXPECT_EQ(after["revisions"][0]["outcome"], "done");
  EXPECT_EQ(platform.voicectl({"tenant", "show", "soup-kitchen"}).code, 3);
  EXPECT_EQ(platform.voicectl({"diff", "1", "4", "--detailed-exitcode"}).code, 0);
}

}  // namespace
}  // namespace voicectl::e2e
