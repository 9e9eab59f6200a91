// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/database_files.h"

#include <fmt/core.h>

#include <filesystem>
#include <fstream>

#include "runtime/session/tenant_check.h"
#include "runtime/session/tenant_database.h"
#include "tests/integration/runtime/data/data_fixture.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFrame = kPage + 24;

/// A tenant's file as a process leaves it that is killed: a log, and the shared memory beside it.
class DatabaseFilesTest : public DataFixture {
 protected:
  void SetUp() override {
    fill("acme", 200);
    // No page that is free: damage to one is nobody's loss, and nobody notices.
    ASSERT_THAT(SqliteDatabase::open(database_of("acme")).value().run("VACUUM"), IsOk());
    live_.emplace(TenantDatabase::open(database_of("acme"), FencingToken{4}).value());
    const std::vector<StoreBatch> more = everything("acme", 210);
    for (std::size_t i = 200; i < more.size(); ++i) {
      const StoreBatch* const one = &more[i];
      ASSERT_THAT(live_->write(std::span(&one, 1)), IsOk());
    }
    copy_anew();
    ASSERT_THAT(try_open(), IsOk()) << "what a kill leaves is no damage";
    copy_anew();
  }

  /// The files as they are while somebody has them open.
  void copy_anew() {
    std::filesystem::remove_all(folder_.path("copy"));
    std::filesystem::create_directories(folder_.path("copy"));
    for (const char* end : {"", "-wal", "-shm", ".made"}) {
      std::filesystem::copy_file(database_of("acme") + end, copy_ + end);
    }
  }

  Status try_open() {
    const auto opened = TenantDatabase::open(copy_, FencingToken{5});
    return opened.has_error() ? Status(opened.error()) : ok_status();
  }

  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  const std::string copy_ = folder_.path("copy/tenant.db");
  std::optional<TenantDatabase> live_;
};

TEST_F(DatabaseFilesTest, AnEmptyFileIsNotTakenForANewDatabase) {
  std::filesystem::remove(copy_ + "-wal");
  std::filesystem::remove(copy_ + "-shm");
  write(copy_, "");

  const Status opened = try_open();

  EXPECT_THAT(opened, FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(opened.error().text(), HasSubstr("the file is empty"));
  EXPECT_THAT(opened.error().text(), HasSubstr("voicectl tenant import"));
  EXPECT_EQ(std::filesystem::file_size(copy_), 0U);
}

TEST_F(DatabaseFilesTest, AFileThatIsGoneIsNotMadeAnew) {
  std::filesystem::remove(copy_);
  std::filesystem::remove(copy_ + "-wal");
  std::filesystem::remove(copy_ + "-shm");

  const Status opened = try_open();

  EXPECT_THAT(opened, FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(opened.error().text(), HasSubstr("the file is gone"));
  EXPECT_FALSE(std::filesystem::exists(copy_));
}

TEST_F(DatabaseFilesTest, AMakingThatWasCutOffIsBegunAnew) {
  const std::string path = folder_.path("fresh.db");
  write(path + ".new", "half a page");

  EXPECT_THAT(TenantDatabase::open(path, FencingToken{1}), IsOk());
  EXPECT_TRUE(std::filesystem::exists(path + ".made"));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(DatabaseFilesTest, SomethingElseIsNoDatabase) {
  write(copy_, std::string(40'000, 'x'));

  EXPECT_THAT(try_open(), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(DatabaseFilesTest, ALogThatEndsEarlyIsNoticedWhileTheSharedMemoryIsThere) {
  const std::string log = read(copy_ + "-wal");
  write(copy_ + "-wal", log.substr(0, log.size() - kFrame - 100));

  const Status opened = try_open();

  EXPECT_THAT(opened, FailsWith(ErrorCode::kCorrupt));
  EXPECT_EQ(read(copy_ + "-wal").size(), log.size() - kFrame - 100) << "nothing was changed";
}

TEST_F(DatabaseFilesTest, ALastCommitThatPowerCutOffIsNoDamage) {
  std::filesystem::remove(copy_ + "-shm");
  const std::string log = read(copy_ + "-wal");
  write(copy_ + "-wal", log.substr(0, log.size() - 100));

  EXPECT_THAT(try_open(), IsOk());
}

TEST_F(DatabaseFilesTest, AnOlderCommitThatIsBrokenIsDamageEvenWithoutTheSharedMemory) {
  std::filesystem::remove(copy_ + "-shm");
  std::string log = read(copy_ + "-wal");
  log[32 + 24 + 100] = static_cast<char>(log[32 + 24 + 100] ^ 1);
  write(copy_ + "-wal", log);

  EXPECT_THAT(try_open(), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(DatabaseFilesTest, FindsEveryPageAndEveryFrameThatIsLostOrFlipped) {
  const std::string pages = read(copy_);
  const std::string log = read(copy_ + "-wal");
  const std::size_t frames = (log.size() - 32) / kFrame;
  SeededRandom random(41);
  int tried = 0;
  int at_opening = 0;
  int by_check = 0;
  std::string missed;
  for (int round = 0; round < 200; ++round) {
    copy_anew();
    const bool is_log = round % 2 == 1;
    std::string bytes = is_log ? log : pages;
    const std::size_t count = is_log ? frames : pages.size() / kPage;
    const std::size_t number = random.below(count);
    const std::size_t at = is_log ? 32 + number * kFrame : number * kPage;
    for (std::size_t i = 0; i < (is_log ? kFrame : kPage); ++i) {
      bytes[at + i] = round % 4 < 2 ? '\0' : static_cast<char>(~bytes[at + i]);
    }
    write(is_log ? copy_ + "-wal" : copy_, bytes);
    if (!is_log) {
      // All pages are in the file: none is hidden behind the log.
      std::filesystem::remove(copy_ + "-wal");
      std::filesystem::remove(copy_ + "-shm");
    }
    ++tried;
    if (try_open().has_error()) {
      ++at_opening;
      continue;
    }
    SqliteDatabase file =
        SqliteDatabase::open_to_read(copy_, SqliteDatabase::Origin::kOurs).value();
    const auto found = check_tenant_database(file, *TenantId::parse("acme"), FenceRow::kOne);
    const bool is_found = found.has_error() || !found->problems.empty();
    by_check += is_found ? 1 : 0;
    missed += is_found ? "" : fmt::format(" {} {}", is_log ? "frame" : "page", number);
  }
  fmt::print(
      "[ figures  ] damaged {} times: {} refused at opening, {} found by the check, {} missed{}\n",
      tried, at_opening, by_check, tried - at_opening - by_check, missed);

  EXPECT_EQ(at_opening + by_check, tried);
}

TEST_F(DatabaseFilesTest, AWriterBesideDoesNotLookLikeDamage) {
  const std::vector<StoreBatch> more = everything("acme", 1200);
  for (std::size_t i = 210; i < more.size(); ++i) {
    const StoreBatch* const one = &more[i];
    ASSERT_THAT(live_->write(std::span(&one, 1)), IsOk());
    // Not behind each: a look reads the whole log. Seven meets every state of it sooner or later.
    if (i % 7 == 0) {
      ASSERT_THAT(check_file(database_of("acme")), IsOk()) << "after turn " << i;
    }
  }
}

}  // namespace
}  // namespace voicectl::runtime
