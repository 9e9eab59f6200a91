// SPDX-License-Identifier: Apache-2.0
#include "tests/support/power/power_loss.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/power/child.h"
#include "tests/support/power/ext4_shutdown.h"

namespace voicectl {

void PowerLossTest::SetUp() {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "SKIPPED: losing power needs a loop mount, and this user is not root";
  }
  ASSERT_EQ(::mkdir(mount_point_.c_str(), 0700), 0);
  const bool is_made = succeeds({"truncate", "-s", "96M", image_}) &&
                       succeeds({"mkfs.ext4", "-q", "-F", image_}) && mount();
  if (!is_made) {
    GTEST_SKIP() << "SKIPPED: losing power needs mkfs.ext4 and a loop device, and this machine "
                    "refuses one of them";
  }
}

bool PowerLossTest::mount() {
  is_mounted_ = succeeds({"mount", "-o", "loop", image_, mount_point_});
  return is_mounted_;
}

void PowerLossTest::unmount() {
  if (is_mounted_) {
    is_mounted_ = !succeeds({"umount", mount_point_});
  }
}

void PowerLossTest::cut_power() {
  if (!cut_power_of(mount_point_.c_str())) {
    GTEST_SKIP() << "SKIPPED: this kernel's ext4 cannot be shut down";
  }
}

void PowerLossTest::restart_machine() {
  unmount();
  ASSERT_FALSE(is_mounted_);
  ASSERT_TRUE(mount());
}

}  // namespace voicectl
