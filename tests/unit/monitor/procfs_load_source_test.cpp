// SPDX-License-Identifier: Apache-2.0
#include "monitor/procfs_load_source.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_file_system.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

constexpr ProcfsUnits kUnits{.ticks_per_second = 100, .page_bytes = 4096};
constexpr std::uint64_t kStarted = 4242;

/// 250 ticks in the program, 50 in the kernel, 7 threads, 1000 pages.
std::string stat_line(std::string_view name) {
  return "77 (" + std::string(name) +
         ") S 1 77 77 0 -1 4194560 900 0 3 0 250 50 0 0 20 0 7 0 4242 123456789 1000 "
         "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0\n";
}

TEST(ProcessStatTest, TellsTimeMemoryAndThreads) {
  const auto usage = parse_process_stat(stat_line("voice-runtime"), kStarted, kUnits);

  ASSERT_TRUE(usage.has_value());
  EXPECT_EQ(usage->cpu_time, Duration(3s));
  EXPECT_EQ(usage->memory, Bytes{4'096'000});
  EXPECT_EQ(usage->threads, 7U);
  EXPECT_FALSE(usage->descriptors.has_value());
  EXPECT_FALSE(usage->proportional.has_value());
}

constexpr std::string_view kRollup =
    "55879c1f9000-7ffed8244000 ---p 00000000 00:00 0                          [rollup]\n"
    "Rss:                1696 kB\n"
    "Pss:                 223 kB\n"
    "Pss_Dirty:           112 kB\n";

TEST(ProportionalMemoryTest, IsTheLineOfThatName) {
  EXPECT_EQ(parse_proportional(kRollup), Bytes{223 * 1024});
}

TEST(ProportionalMemoryTest, IsNotToldByATextThatMakesNoSense) {
  for (const char* text : {"", "\nPss:", "\nPss: many kB\n", "\nPss_Dirty: 5 kB\n", "Rss: 5 kB\n",
                           "\nPss:\n7 kB\n", "\nPss: 18446744073709551615 kB\n"}) {
    EXPECT_FALSE(parse_proportional(text).has_value()) << text;
  }
}

TEST(ProcessStatTest, IsNotFooledByTheNameOfAProgram) {
  EXPECT_EQ(parse_process_stat(stat_line("a) R 1 (b"), kStarted, kUnits),
            parse_process_stat(stat_line("a"), kStarted, kUnits));
}

TEST(ProcessStatTest, BelongsToNobodyWhoStartedAtAnotherTime) {
  EXPECT_FALSE(parse_process_stat(stat_line("a"), kStarted + 1, kUnits).has_value());
}

TEST(ProcessStatTest, RefusesALineThatMakesNoSense) {
  for (const char* line : {"", "77", "77 (a)", "77 (a) S 1 2 3",
                           "77 (a) S x x x x x x x x x x x x "
                           "x x x x x x x x x x x x x"}) {
    EXPECT_FALSE(parse_process_stat(line, kStarted, kUnits).has_value()) << line;
  }
}

TEST(ProcfsLoadSourceTest, AnswersForEachProcessInOrder) {
  FakeFileSystem files;
  for (const char* folder : {"/proc", "/proc/77", "/proc/77/fd"}) {
    ASSERT_TRUE(files.make_directory(folder, kPrivateDirectory).has_value());
  }
  ASSERT_TRUE(files.replace_atomically("/proc/77/stat", stat_line("a"), kPrivateFile).has_value());
  for (const char* link : {"/proc/77/fd/0", "/proc/77/fd/1", "/proc/77/fd/2"}) {
    ASSERT_TRUE(files.replace_link(link, "/dev/null").has_value());
  }
  ProcfsLoadSource source(files, kUnits);

  const auto usages = source.sample({{76, 1, ""}, {77, kStarted, ""}, {77, 1, ""}});

  ASSERT_EQ(usages.size(), 3U);
  EXPECT_FALSE(usages[0].has_value());
  ASSERT_TRUE(usages[1].has_value());
  EXPECT_EQ(usages[1]->descriptors, 3U);
  EXPECT_FALSE(usages[2].has_value());
}

TEST(ProcfsLoadSourceTest, SumsUpMemoryMoreRarelyStill) {
  FakeFileSystem files;
  for (const char* folder : {"/proc", "/proc/77"}) {
    ASSERT_TRUE(files.make_directory(folder, kPrivateDirectory).has_value());
  }
  const auto write = [&](const char* name, std::string_view text) {
    ASSERT_TRUE(
        files.replace_atomically(std::string("/proc/77/") + name, text, kPrivateFile).has_value());
  };
  ProcfsLoadSource source(files, kUnits);
  const auto share = [&] { return source.sample({{77, kStarted, ""}}).front()->proportional; };
  write("stat", stat_line("a"));
  EXPECT_EQ(share(), std::nullopt) << "one that may not be looked at";

  write("smaps_rollup", kRollup);
  std::vector<std::optional<Bytes>> seen;
  for (int look = 0; look < ProcfsLoadSource::kLooksPerSum; ++look) {
    seen.push_back(share());
  }
  EXPECT_EQ(seen.front(), std::nullopt);
  EXPECT_EQ(seen.back(), Bytes{223 * 1024});
  EXPECT_EQ(share(), Bytes{223 * 1024});
}

TEST(ProcfsLoadSourceTest, CountsDescriptorsNowAndThen) {
  FakeFileSystem files;
  for (const char* folder : {"/proc", "/proc/77", "/proc/77/fd"}) {
    ASSERT_TRUE(files.make_directory(folder, kPrivateDirectory).has_value());
  }
  const auto start = [&](std::string_view line) {
    ASSERT_TRUE(files.replace_atomically("/proc/77/stat", line, kPrivateFile).has_value());
  };
  const auto open = [&](int number) {
    ASSERT_TRUE(
        files.replace_link("/proc/77/fd/" + std::to_string(number), "/dev/null").has_value());
  };
  ProcfsLoadSource source(files, kUnits);
  const auto count = [&](std::uint64_t started) {
    return source.sample({{77, started, ""}}).front()->descriptors;
  };
  start(stat_line("a"));
  open(0);
  EXPECT_EQ(count(kStarted), 1U);

  open(1);
  std::vector<std::optional<std::uint32_t>> seen;
  for (int look = 0; look < ProcfsLoadSource::kLooksPerCount; ++look) {
    seen.push_back(count(kStarted));
  }
  EXPECT_EQ(seen.front(), 1U);
  EXPECT_EQ(seen.back(), 2U);

  open(2);
  std::string next = stat_line("a");
  next.replace(next.find("4242"), 4, "4243");
  start(next);
  EXPECT_EQ(count(kStarted + 1), 3U) << "another process of the same number";
}

}  // namespace
}  // namespace voicectl
