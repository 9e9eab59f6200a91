// SPDX-License-Identifier: Apache-2.0
#include "monitor/procfs_load_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/os/asio_reactor.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_process_spawner.h"

namespace voicectl {
namespace {

TEST(ProcfsLoadSourceTest, SeesThisProcessAsItIs) {
  AsioReactor reactor;
  PosixProcessSpawner spawner(reactor, reactor);
  PosixFileSystem files;
  ProcfsLoadSource source(files);
  const auto self = spawner.identify(::getpid());
  ASSERT_TRUE(self.has_value());

  const auto usages = source.sample({*self});

  ASSERT_TRUE(usages.front().has_value());
  EXPECT_GT(usages.front()->memory.count, 1'000'000U);
  EXPECT_GE(usages.front()->threads, 1U);
  EXPECT_GE(usages.front()->descriptors.value_or(0), 3U);
  ASSERT_TRUE(usages.front()->proportional.has_value());
  EXPECT_GT(usages.front()->proportional->count, 100'000U);
  // Both change while they are read, and the kernel counts resident pages with some delay.
  EXPECT_LT(usages.front()->proportional->count, 2 * usages.front()->memory.count);
}

TEST(ProcfsLoadSourceTest, SeesNothingUnderANumberThatBelongsToAnother) {
  AsioReactor reactor;
  PosixProcessSpawner spawner(reactor, reactor);
  PosixFileSystem files;
  ProcfsLoadSource source(files);
  auto stranger = spawner.identify(::getpid());
  ASSERT_TRUE(stranger.has_value());
  ++stranger->start_ticks;

  EXPECT_FALSE(source.sample({*stranger}).front().has_value());
}

}  // namespace
}  // namespace voicectl
