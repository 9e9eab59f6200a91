// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"

namespace voicectl {

/// A file system on a file, which goes the way of a machine that loses its power. Skipped, with a
/// word, where it cannot be mounted.
class PowerLossTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override { unmount(); }

  bool mount();
  void unmount();
  /// From here on nothing reaches the disk, not even what the journal of ext4 holds.
  void cut_power();
  void restart_machine();

  TempDir folder_;
  const std::string image_ = folder_.path("disk.img");
  const std::string mount_point_ = folder_.path("disk");
  bool is_mounted_ = false;
};

}  // namespace voicectl
