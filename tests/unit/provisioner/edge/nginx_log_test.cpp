// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_log.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

TEST(NginxLog, TheWorstLineIsWhatItComplainsOf) {
  EXPECT_EQ(
      worst_complaint("2026/01/01 [error] 7#7: a\n2026/01/01 [emerg] 7#7: unknown directive\n"),
      "unknown directive");
  EXPECT_EQ(worst_complaint("2026/01/01 [notice] 7#7: signal process started\n"), "");
}

TEST(NginxLog, AWorkerThatMayNotComeBeforeOthersIsNoComplaint) {
  const std::string refused =
      "2026/01/01 [alert] 8#8: setpriority(-5) failed (13: Permission denied)\n";

  EXPECT_EQ(worst_complaint(refused + refused), "");
  EXPECT_EQ(worst_complaint(refused + "2026/01/01 [crit] 7#7: no room\n"), "no room");
  EXPECT_EQ(worst_complaint(refused + "2026/01/01 [alert] 7#7: worker exited\n"), "worker exited");
}

}  // namespace
}  // namespace voicectl
