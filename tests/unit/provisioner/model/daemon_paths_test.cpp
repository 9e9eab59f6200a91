// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/daemon_paths.h"

#include <gtest/gtest.h>

namespace voicectl {
namespace {

TEST(DaemonPathsTest, AFolderIsSpeltInOneWay) {
  EXPECT_EQ(plain_folder("/var/lib/voicectl"), "/var/lib/voicectl");
  EXPECT_EQ(plain_folder("/var/lib/voicectl/"), "/var/lib/voicectl");
  EXPECT_EQ(plain_folder("//var/./lib///voicectl/."), "/var/lib/voicectl");
  EXPECT_EQ(plain_folder("/"), "/");
  EXPECT_EQ(plain_folder("state/"), "state");
  EXPECT_EQ(plain_folder("./state"), "state");
  EXPECT_EQ(plain_folder("/link/../state/"), "/link/../state") << "it may be a link";
}

}  // namespace
}  // namespace voicectl
