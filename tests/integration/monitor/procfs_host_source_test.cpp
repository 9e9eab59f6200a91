// SPDX-License-Identifier: Apache-2.0
#include "monitor/procfs_host_source.h"

#include <gtest/gtest.h>

#include "base/os/posix_file_system.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

TEST(ProcfsHostSourceTest, SeesThisMachineAsItIs) {
  PosixFileSystem files;
  const TempDir folder;
  ProcfsHostSource source(files, folder.path());

  const HostUsage usage = source.sample();

  EXPECT_GE(usage.processors, 1U);
  EXPECT_TRUE(usage.load.has_value());
  ASSERT_TRUE(usage.memory && usage.memory_free && usage.disk && usage.disk_free);
  EXPECT_GT(usage.memory->count, usage.memory_free->count);
  EXPECT_GE(usage.disk->count, usage.disk_free->count);
  EXPECT_GT(*usage.busy, Duration::zero());
}

}  // namespace
}  // namespace voicectl
