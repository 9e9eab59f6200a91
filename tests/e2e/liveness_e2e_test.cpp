// SPDX-License-Identifier: Apache-2.0
// An instance stands still under traffic, and is replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/callers.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

class LivenessE2e : public CallersE2e {
 protected:
  void SetUp() override {
    platform.set_platform_line("liveness: { every: 1s, misses: 3 }");
    CallersE2e::SetUp();
  }
};

TEST_F(LivenessE2e, AnInstanceThatStandsStillIsReplacedAndItsWebSocketsGoOn) {
  constexpr std::size_t kConnections = 50;
  Running events({Platform::bin("voicectl"), "--socket", platform.run_folder() + "/control.sock",
                  "events", "-f"});
  Running callers(load(kConnections, 14, 100));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  const int pid = platform.pid_of_instance("shared-0");
  ASSERT_GT(pid, 0);

  ASSERT_EQ(::kill(pid, SIGSTOP), 0);

  ASSERT_TRUE(events.wait_for_out("instance.hangs"));
  ASSERT_TRUE(events.wait_for_out("instance.recovered"));
  EXPECT_TRUE(wait_for_end(pid));
  const Finished served = run(platform.load_command("busy", 0.1, {"--parallel", "1"}));
  EXPECT_EQ(served.code, 0) << served.out << served.err;
  const Finished finished = callers.finish();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const json seen = json::parse(finished.out, nullptr, false);
  ASSERT_TRUE(seen.is_object()) << finished.out;
  SCOPED_TRACE(seen.dump());
  for (const char* none : {"lost", "doubled", "reordered"}) {
    EXPECT_EQ(seen.value(none, 1U), 0U) << none;
  }
  // It stood within one of them at most.
  EXPECT_GE(seen.value("open_at_end", 0U), kConnections - 1);
  EXPECT_EQ(platform.voicectl_json({"status"})["problems"].size(), 0U);
}

}  // namespace
}  // namespace voicectl::e2e
