// SPDX-License-Identifier: Apache-2.0
#include "monitor/procfs_host_source.h"

#include <gtest/gtest.h>

#include "tests/support/fake_file_system.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr ProcfsUnits kTicks{.ticks_per_second = 100, .page_bytes = 4096};
constexpr const char* kStat =
    "cpu  1000 200 300 9000 50 10 40 60 0 0\n"
    "cpu0 500 100 150 4500 25 5 20 30 0 0\n"
    "cpu1 500 100 150 4500 25 5 20 30 0 0\n"
    "intr 12345 1 2 3\n"
    "cpufreq 1 2 3\n";

TEST(HostUsageTest, CountsWhatProcessorsDid) {
  HostUsage usage;

  add_stat(kStat, kTicks, usage);

  EXPECT_EQ(usage.processors, 2U);
  EXPECT_EQ(usage.busy, Duration(15500ms)) << "all but idle, waiting and stolen";
  EXPECT_EQ(usage.stolen, Duration(600ms));
}

TEST(HostUsageTest, ReadsLoadAndMemory) {
  HostUsage usage;

  add_loadavg("0.50 1.25 2.00 3/456 7890\n", usage);
  add_meminfo("MemTotal:        8000 kB\nMemFree: 100 kB\nMemAvailable:    2000 kB\n", usage);

  EXPECT_EQ(usage.load, (std::array<double, 3>{0.5, 1.25, 2}));
  EXPECT_EQ(usage.memory, Bytes{8'192'000});
  EXPECT_EQ(usage.memory_free, Bytes{2'048'000});
}

TEST(HostUsageTest, LeavesOutWhatMakesNoSense) {
  HostUsage usage;

  add_loadavg("a b c", usage);
  add_meminfo("MemTotal: many kB\n\nMemAvailable:\n", usage);
  add_stat("cpu  1 2 x\nnothing", kTicks, usage);

  EXPECT_FALSE(usage.load || usage.memory || usage.memory_free || usage.busy || usage.stolen);
  EXPECT_EQ(usage.processors, 0U);
}

TEST(ProcfsHostSourceTest, ReadsTheFilesOfItsRoot) {
  FakeFileSystem files;
  ASSERT_TRUE(files.make_directory("/p", FileMode{0755}).has_value());
  ASSERT_TRUE(files.replace_atomically("/p/stat", kStat, FileMode{0644}).has_value());
  ProcfsHostSource source(files, "/no/such/folder", kTicks, "/p");

  const HostUsage usage = source.sample();

  EXPECT_EQ(usage.processors, 2U);
  EXPECT_FALSE(usage.load || usage.memory || usage.disk || usage.disk_free);
}

}  // namespace
}  // namespace voicectl
