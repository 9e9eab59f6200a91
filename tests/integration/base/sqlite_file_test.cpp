// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <future>
#include <string>

#include "base/sqlite.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

constexpr std::array kSchema = {SqliteMigration{1, "CREATE TABLE t (name TEXT)"}};

class SqliteFileTest : public ::testing::Test {
 protected:
  TempDir folder_;
  std::string path_ = folder_.path("test.db");
};

TEST_F(SqliteFileTest, KeepsItsRowsWhenItIsOpenedAgain) {
  {
    SqliteDatabase database = SqliteDatabase::open(path_).value();
    ASSERT_THAT(database.migrate(kSchema), IsOk());
    ASSERT_THAT(database.run("INSERT INTO t VALUES ('kept')"), IsOk());
  }

  SqliteDatabase database = SqliteDatabase::open(path_).value();

  EXPECT_THAT(database.schema_version(), IsOkAnd(1));
  SqliteStatement row = database.prepare("SELECT name FROM t").value();
  ASSERT_THAT(row.step(), IsOkAnd(true));
  EXPECT_EQ(row.text(0), "kept");
}

TEST_F(SqliteFileTest, RefusesASchemaThatBecameNewerWhileItWaitedForItsTurn) {
  SqliteDatabase newer = SqliteDatabase::open(path_).value();
  SqliteDatabase older = SqliteDatabase::open(path_).value();
  ASSERT_THAT(newer.run("BEGIN IMMEDIATE"), IsOk());
  ASSERT_THAT(newer.run("CREATE TABLE t (name TEXT, more TEXT)"), IsOk());
  ASSERT_THAT(newer.run("PRAGMA user_version=2"), IsOk());

  std::promise<void> begins;
  std::future<Status> migrated = std::async(std::launch::async, [&] {
    begins.set_value();
    return older.migrate(kSchema);  // waits for the other
  });
  begins.get_future().wait();
  ASSERT_THAT(newer.run("COMMIT"), IsOk());

  EXPECT_THAT(migrated.get(), FailsWith(ErrorCode::kConflict)) << "sooner or later";
}

TEST_F(SqliteFileTest, TakesRoomForPagesThatItReadsOnly) {
  // Those of the first one are kept by the library for the next.
  const SqliteDatabase first = SqliteDatabase::open(path_).value();
  const std::int64_t before = sqlite3_memory_used();

  const SqliteDatabase second = SqliteDatabase::open(folder_.path("second.db")).value();

  // Twenty pages, which it would take when it is opened, are 85 KiB by themselves.
  EXPECT_LT(sqlite3_memory_used() - before, 80 << 10);
}

TEST_F(SqliteFileTest, IsDurableAndPrivate) {
  SqliteDatabase database = SqliteDatabase::open(path_).value();
  ASSERT_THAT(database.migrate(kSchema), IsOk());

  SqliteStatement mode = database.prepare("PRAGMA journal_mode").value();
  ASSERT_THAT(mode.step(), IsOkAnd(true));
  EXPECT_EQ(mode.text(0), "wal");
  SqliteStatement level = database.prepare("PRAGMA synchronous").value();
  ASSERT_THAT(level.step(), IsOkAnd(true));
  EXPECT_EQ(level.integer(0), 2) << "FULL";
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat about {};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &about), 0) << suffix;
    EXPECT_EQ(about.st_mode & 0777, 0600U) << suffix;
  }
}

TEST_F(SqliteFileTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(4096, 'x');

  EXPECT_THAT(SqliteDatabase::open(path_), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(SqliteFileTest, TellsThatItsFolderIsMissing) {
  EXPECT_THAT(SqliteDatabase::open(folder_.path("missing/test.db")),
              FailsWith(ErrorCode::kPermissionDenied));
}

}  // namespace
}  // namespace voicectl
