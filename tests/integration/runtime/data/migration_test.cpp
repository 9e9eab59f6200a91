// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "runtime/session/tenant_check.h"
#include "runtime/session/tenant_database.h"
#include "runtime/session/tenant_schema.h"
#include "tests/integration/runtime/data/data_fixture.h"
#include "tests/support/power/child.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kSessions = 100;

class MigrationTest : public DataFixture {
 protected:
  /// A file of the first version, with a session and what it brought about.
  void write_old_file(const std::string& path) {
    SqliteDatabase old = SqliteDatabase::open(path).value();
    ASSERT_THAT(old.migrate(tenant_schema().first(1)), IsOk());
    ASSERT_THAT(old.run("INSERT INTO fence VALUES (1, 1)"), IsOk());
    SqliteStatement insert =
        old.prepare("INSERT INTO sessions VALUES (?, 'completed', ?, ?, ?, ?)").value();
    for (const StoreBatch& batch : everything("acme", kSessions)) {
      Session session = batch.sessions.front();
      session.status = SessionStatus::kCompleted;
      const std::int64_t at = session.created_at.time_since_epoch().count();
      ASSERT_THAT(insert.bind(1, session.session.str())
                      .bind(2, at)
                      .bind(3, at)
                      .bind(4, session.ultravox_call_id)
                      .bind(5, to_stored_text(session))
                      .run(),
                  IsOk());
      ASSERT_THAT(old.run("INSERT INTO inbox VALUES ('" + session.ultravox_call_id +
                          "', 'call.ended', 1, '{}')"),
                  IsOk());
      ASSERT_THAT(old.run("INSERT INTO requests VALUES ('" + session.session.str() +
                          "', 201, '{}', " + std::to_string(at) + ")"),
                  IsOk());
      ASSERT_THAT(old.run("INSERT INTO orders VALUES ('" + session.ultravox_call_id + "', '" +
                          session.session.str() + "', 1, '{}')"),
                  IsOk());
    }
  }

  const std::string path_ = folder_.path("old.db");
};

TEST_F(MigrationTest, OneThatIsKilledAtAnyWriteGoesOnAtTheNextOpening) {
  write_old_file(path_);
  if (!succeeds({"sh", "-c", "command -v strace"})) {
    GTEST_SKIP() << "SKIPPED: killing at each write needs strace";
  }
  int kills = 0;
  for (int nth = 1;; nth += 11) {
    const std::string copy = folder_.path("copy-" + std::to_string(nth) + ".db");
    std::filesystem::copy_file(path_, copy);
    // It migrates while it opens, and stops at the nth write to the disk if there are so many.
    Child writer({"/usr/bin/strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                  "inject=pwrite64:signal=SIGKILL:when=" + std::to_string(nth), "/usr/bin/setpriv",
                  "--pdeathsig", "KILL", VOICECTL_TENANT_WRITER, copy});
    const bool has_opened = writer.read_line().has_value();
    writer.kill_now();

    Result<TenantDatabase> opened = TenantDatabase::open(copy, FencingToken{2});
    ASSERT_THAT(opened, IsOk()) << "killed at write " << nth;
    const auto orders = opened->list_records({BusinessRecord::Kind::kOrder, WallTime{}, 1000});
    ASSERT_THAT(orders, IsOk());
    EXPECT_EQ(orders->size(), kSessions) << "killed at write " << nth;
    const auto contents = opened->load(WallTime{});
    ASSERT_THAT(contents, IsOk());
    EXPECT_EQ(contents->responses.size(), kSessions) << "killed at write " << nth;
    SqliteDatabase file = SqliteDatabase::open(copy).value();
    const auto found = check_tenant_database(file, *TenantId::parse("acme"), FenceRow::kOne);
    ASSERT_THAT(found, IsOk());
    EXPECT_EQ(found->schema, static_cast<int>(tenant_schema().size()));
    if (has_opened) {
      break;
    }
    ++kills;
    ASSERT_LT(nth, 2000);
  }
  EXPECT_GT(kills, 10);
}

TEST_F(MigrationTest, AnOlderProgramRefusesANewerFileAndLeavesItAlone) {
  fill("acme", 5);
  const auto rows = rows_of(database_of("acme"));
  {
    SqliteDatabase file = SqliteDatabase::open(database_of("acme")).value();
    ASSERT_THAT(file.run("PRAGMA user_version = 99"), IsOk());
  }

  const auto opened = TenantDatabase::open(database_of("acme"), FencingToken{9});

  ASSERT_THAT(opened, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(opened.error().text(), HasSubstr("install the newer version"));
  EXPECT_EQ(rows_of(database_of("acme")), rows);
  EXPECT_THAT(export_to("acme", "acme.tar.zst"), FailsWith(ErrorCode::kConflict));
}

TEST_F(MigrationTest, AnArchiveOfEverySchemaCanBeTakenOver) {
  write_config("acme");
  std::filesystem::remove(database_of("acme"));
  write_old_file(database_of("acme"));

  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ASSERT_THAT(import_tenant(deps_, import_of("acme.tar.zst")), IsOk());

  const auto rows = rows_of(folder_.path("stage/tenant.db"));
  EXPECT_EQ(rows.at("records").size(), kSessions);
  EXPECT_EQ(rows.at("usage").size(), kSessions);
  EXPECT_EQ(rows.at("inbox").size(), kSessions);
}

}  // namespace
}  // namespace voicectl::runtime
