// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <set>

#include "provisioner/registry/sqlite_registry.h"
#include "tests/support/matchers.h"
#include "tests/support/power/child.h"
#include "tests/support/power/power_loss.h"
#include "tests/support/registry/contract_registry.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;

/// Everything up to `last` is there, and nothing is half there.
void expect_all_turns(const std::string& path, std::int64_t last) {
  const Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path);
  ASSERT_THAT(registry, IsOk());
  const Result<Snapshot> snapshot = (*registry)->load();
  ASSERT_THAT(snapshot, IsOk());
  for (std::int64_t turn = 1; turn <= last; ++turn) {
    ASSERT_TRUE(snapshot->tenants.contains(*TenantId::parse("tenant-" + std::to_string(turn))))
        << "turn " << turn << " of " << last;
  }
  const auto turns = static_cast<std::int64_t>(snapshot->tenants.size());
  EXPECT_LE(turns, last + 1);
  EXPECT_EQ(snapshot->generation.value, static_cast<std::uint64_t>(turns));
  std::set<std::string> open;
  for (const JournalEntry& entry : *(*registry)->open_intents()) {
    open.insert(entry.key);
  }
  for (std::int64_t turn = 1; turn <= last; ++turn) {
    EXPECT_TRUE(open.contains("tenant-" + std::to_string(turn) + "-open"));
    EXPECT_FALSE(open.contains("tenant-" + std::to_string(turn)));
  }
  const auto events = *(*registry)->read_events(0, 1'000'000);
  ASSERT_GE(static_cast<std::int64_t>(events.size()), last);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].number, static_cast<std::int64_t>(i + 1));
  }
  for (const std::int64_t turn : {std::max<std::int64_t>(1, last - kKeptRevisions / 2), last}) {
    const auto kept = (*registry)->read_revision(turn);
    ASSERT_TRUE(last == 0 || (kept.has_value() && kept->has_value())) << turn << " of " << last;
    EXPECT_TRUE(last == 0 || (*kept)->revision.why == "tenant-" + std::to_string(turn));
  }
}

/// Reads acknowledgements until there are `count`, or none come any more.
std::int64_t read_turns(Child& writer, std::int64_t count) {
  std::int64_t last = 0;
  while (last < count) {
    const std::optional<std::string> line = writer.read_line();
    if (!line) {
      break;
    }
    last = std::stoll(*line);
  }
  return last;
}

TEST(RegistryDurabilityTest, AKilledWriterLosesNothingThatItAcknowledged) {
  for (const std::int64_t kill_after : {1, 2, 3, 5, 8, 13, 21}) {
    const TempDir folder;
    const std::string path = folder.path("registry.db");
    Child writer({VOICECTL_REGISTRY_WRITER, path});
    ASSERT_EQ(read_turns(writer, kill_after), kill_after);

    writer.kill_now();

    const std::int64_t more = read_turns(writer, INT64_MAX);
    expect_all_turns(path, std::max(kill_after, more));
  }
}

TEST_F(PowerLossTest, LosesWhatWasNotSynced) {
  const std::string path = mount_point_ + "/unsynced";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::write(fd, "data", 4), 4);
  ::close(fd);

  ASSERT_NO_FATAL_FAILURE(cut_power());
  if (IsSkipped()) {
    return;
  }
  ASSERT_NO_FATAL_FAILURE(restart_machine());

  struct stat found {};
  EXPECT_TRUE(::stat(path.c_str(), &found) != 0 || found.st_size == 0)
      << "the injection does not work, so the other test proves nothing";
}

TEST_F(PowerLossTest, TheRegistryLosesNothingThatItAcknowledged) {
  for (const std::int64_t cut_after : {1, 4, 9}) {
    const std::string path = mount_point_ + "/registry-" + std::to_string(cut_after) + ".db";
    Child writer({VOICECTL_REGISTRY_WRITER, path});
    ASSERT_EQ(read_turns(writer, cut_after), cut_after);

    writer.fall_silent();
    ASSERT_NO_FATAL_FAILURE(cut_power());
    if (IsSkipped()) {
      return;
    }
    writer.kill_now();
    const std::int64_t more = read_turns(writer, INT64_MAX);
    ASSERT_NO_FATAL_FAILURE(restart_machine());

    expect_all_turns(path, std::max(cut_after, more));
  }
}

TEST_F(PowerLossTest, TheRegistryLosesNothingAtAnyFlushOfItsFile) {
  constexpr std::int64_t kTurns = 3;
  constexpr int kMostFlushes = 400;
  int point = 1;
  std::int64_t last = 0;
  ASSERT_NO_FATAL_FAILURE(cut_power());
  if (IsSkipped()) {
    return;  // else the writers would only be killed
  }
  ASSERT_NO_FATAL_FAILURE(restart_machine());

  // Just before and just after each flush, from the first one that makes the registry on.
  for (; point < kMostFlushes && last < kTurns; ++point) {
    SCOPED_TRACE("power lost at point " + std::to_string(point));
    const std::string path = mount_point_ + "/at-" + std::to_string(point) + ".db";
    Child writer({"/usr/bin/env", "LD_PRELOAD=" VOICECTL_DIE_AT,
                  "ASAN_OPTIONS=verify_asan_link_order=0", "VOICECTL_TEST_ARMED=" + image_,
                  "VOICECTL_TEST_DISK=" + mount_point_,
                  "VOICECTL_TEST_DIE_AT=" + std::to_string(point), VOICECTL_REGISTRY_WRITER, path});
    last = read_turns(writer, INT64_MAX);
    ASSERT_EQ(writer.wait(), 128 + SIGKILL);
    ASSERT_LT(::open((mount_point_ + "/probe").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0)
        << "it was killed, and the power was not lost";
    ASSERT_NO_FATAL_FAILURE(restart_machine());

    expect_all_turns(path, last);
    ASSERT_FALSE(HasFailure());
    ::unlink(path.c_str());
  }

  EXPECT_EQ(last, kTurns);
  EXPECT_GT(point, 2 * kTurns);  // otherwise nothing was flushed
  RecordProperty("points", point - 1);
}

/// A file system of one megabyte.
class FullDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      GTEST_SKIP() << "SKIPPED: filling a disk needs a tmpfs of its own, and this user may not "
                      "mount one";
    }
    is_mounted_ = true;
  }
  void TearDown() override {
    if (is_mounted_) {
      EXPECT_EQ(::umount2(folder_.path().c_str(), MNT_DETACH), 0);
    }
  }
  void fill() {
    const int fd = ::open(ballast_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    const std::string bytes(4096, 'x');
    while (::write(fd, bytes.data(), bytes.size()) > 0) {
    }
    ::close(fd);
  }
  void free() { ASSERT_EQ(::unlink(ballast_.c_str()), 0); }

  TempDir folder_;
  const std::string path_ = folder_.path("registry.db");
  const std::string ballast_ = folder_.path("ballast");
  bool is_mounted_ = false;
};

/// Records a tenant with a long document, so that one call needs several pages.
Status record_large_tenant(Registry& registry, std::string_view slug) {
  VC_TRY(const std::vector<std::int64_t> numbers, registry.open_actions({an_intent(slug)}));
  RecordedTenant tenant = a_recorded_tenant(slug);
  tenant.spec.voice.greeting = std::string(2000, 'g');
  RecordedChange change;
  change.put_tenants.push_back(tenant);
  VC_TRY(registry.close_actions({ClosedAction{numbers[0], JournalState::kDone, "", change}}));
  return ok_status();
}

TEST_F(FullDiskTest, SaysSoWritesNothingHalfAndHealsWhenSpaceIsFreed) {
  const Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path_);
  ASSERT_THAT(registry, IsOk());
  ASSERT_THAT(record_large_tenant(**registry, "before"), IsOk());
  ASSERT_NO_FATAL_FAILURE(fill());

  Status full = ok_status();
  std::uint64_t recorded = 1;
  for (int i = 0; i < 500 && full.has_value(); ++i) {
    full = record_large_tenant(**registry, "during-" + std::to_string(i));
    recorded += full.has_value() ? 1 : 0;
  }

  EXPECT_THAT(full, FailsWith(ErrorCode::kResourceExhausted));
  const Result<Snapshot> snapshot = (*registry)->load();
  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->tenants.size(), recorded);
  EXPECT_EQ(snapshot->generation.value, recorded);
  free();
  EXPECT_THAT(record_large_tenant(**registry, "after"), IsOk());
  EXPECT_EQ((*registry)->load()->tenants.size(), recorded + 1);
}

TEST_F(FullDiskTest, CannotBeMadeOnAFullDiskAndCanBeLater) {
  ASSERT_NO_FATAL_FAILURE(fill());

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kResourceExhausted));
  free();
  const Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path_);
  ASSERT_THAT(registry, IsOk());
  EXPECT_THAT((*registry)->load()->tenants, IsEmpty());
}

TEST_F(FullDiskTest, CannotBeOpenedOnAFullDiskAndLosesNothing) {
  {
    const Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path_);
    ASSERT_THAT(registry, IsOk());
    ASSERT_THAT(record_large_tenant(**registry, "before"), IsOk());
  }
  ASSERT_NO_FATAL_FAILURE(fill());

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kResourceExhausted));
  free();
  const Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path_);
  ASSERT_THAT(registry, IsOk());
  EXPECT_EQ((*registry)->load()->tenants.size(), 1U);
}

}  // namespace
}  // namespace voicectl
