// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite.h"

#include <gmock/gmock.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;

constexpr std::array kFirst = {SqliteMigration{1, "CREATE TABLE t (name TEXT UNIQUE, n INTEGER)"}};
constexpr std::array kSecond = {
    kFirst[0], SqliteMigration{2, "ALTER TABLE t ADD COLUMN more TEXT; UPDATE t SET more = name"}};
constexpr std::array kBroken = {
    kFirst[0], SqliteMigration{2, "CREATE TABLE u (a); INSERT INTO missing VALUES (1)"}};

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest() { EXPECT_THAT(database_.migrate(kFirst), IsOk()); }

  Status insert(std::string_view name, std::int64_t number) {
    VC_TRY(SqliteStatement statement, database_.prepare("INSERT INTO t (name, n) VALUES (?, ?)"));
    return statement.bind(1, name).bind(2, number).run();
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    SqliteStatement statement = database_.prepare("SELECT name FROM t ORDER BY name").value();
    while (statement.step().value()) {
      found.push_back(statement.text(0));
    }
    return found;
  }

  SqliteDatabase database_ = SqliteDatabase::open(":memory:").value();
};

TEST_F(SqliteTest, KeepsTextsNumbersAndNulls) {
  SqliteStatement insert_row = database_.prepare("INSERT INTO t (name, n) VALUES (?, ?)").value();
  ASSERT_THAT(insert_row.bind(1, std::string_view("a\0b'; --", 8)).bind(2, INT64_MIN).run(),
              IsOk());
  ASSERT_THAT(insert_row.bind(1, std::string_view()).bind_null(2).run(), IsOk());

  SqliteStatement rows = database_.prepare("SELECT name, n FROM t ORDER BY name").value();

  ASSERT_THAT(rows.step(), IsOkAnd(true));
  EXPECT_EQ(rows.text(0), "");
  EXPECT_FALSE(rows.is_null(0));
  EXPECT_TRUE(rows.is_null(1));
  ASSERT_THAT(rows.step(), IsOkAnd(true));
  EXPECT_EQ(rows.text(0), std::string("a\0b'; --", 8));
  EXPECT_EQ(rows.integer(1), INT64_MIN);
  EXPECT_THAT(rows.step(), IsOkAnd(false));
}

TEST_F(SqliteTest, TellsABrokenConstraint) {
  ASSERT_THAT(insert("a", 1), IsOk());

  EXPECT_THAT(insert("a", 2), FailsWith(ErrorCode::kAlreadyExists));
}

TEST_F(SqliteTest, TellsAMistakeInAStatement) {
  EXPECT_THAT(database_.prepare("SELECT nothing FROM nowhere"), FailsWith(ErrorCode::kInternal));
  EXPECT_THAT(database_.run("SELEC"), FailsWith(ErrorCode::kInternal));
}

TEST_F(SqliteTest, UsesAStatementAgainAfterAnError) {
  SqliteStatement statement = database_.prepare("INSERT INTO t (name, n) VALUES (?, 1)").value();
  ASSERT_THAT(statement.bind(1, "a").run(), IsOk());
  ASSERT_THAT(statement.bind(1, "a").run(), FailsWith(ErrorCode::kAlreadyExists));

  EXPECT_THAT(statement.bind(1, "b").run(), IsOk());

  EXPECT_THAT(names(), ElementsAre("a", "b"));
}

TEST_F(SqliteTest, CommitsATransactionWhole) {
  const Status outcome = database_.in_transaction([this]() -> Status {
    VC_TRY(insert("a", 1));
    return insert("b", 2);
  });

  EXPECT_THAT(outcome, IsOk());
  EXPECT_THAT(names(), ElementsAre("a", "b"));
}

TEST_F(SqliteTest, RollsATransactionBackOnAnError) {
  const Status outcome = database_.in_transaction([this]() -> Status {
    VC_TRY(insert("a", 1));
    return Error(ErrorCode::kConflict, "cannot go on");
  });

  EXPECT_THAT(outcome, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(names(), ::testing::IsEmpty());
  EXPECT_THAT(database_.in_transaction([this] { return insert("b", 1); }), IsOk());
}

TEST_F(SqliteTest, MigratesForwardAndKeepsWhatIsThere) {
  ASSERT_THAT(insert("a", 1), IsOk());

  ASSERT_THAT(database_.migrate(kSecond), IsOk());

  EXPECT_THAT(database_.schema_version(), IsOkAnd(2));
  SqliteStatement row = database_.prepare("SELECT more FROM t").value();
  ASSERT_THAT(row.step(), IsOkAnd(true));
  EXPECT_EQ(row.text(0), "a");
}

TEST_F(SqliteTest, MigratesAgainWithoutEffect) {
  ASSERT_THAT(database_.migrate(kSecond), IsOk());

  EXPECT_THAT(database_.migrate(kSecond), IsOk());

  EXPECT_THAT(database_.schema_version(), IsOkAnd(2));
}

TEST_F(SqliteTest, RefusesASchemaThatIsNewerThanTheProgram) {
  ASSERT_THAT(database_.migrate(kSecond), IsOk());

  EXPECT_THAT(database_.migrate(kFirst), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(database_.migrate({}), FailsWith(ErrorCode::kConflict));
}

TEST_F(SqliteTest, LeavesTheOldSchemaWhenAMigrationFails) {
  EXPECT_THAT(database_.migrate(kBroken), FailsWith(ErrorCode::kInternal));

  EXPECT_THAT(database_.schema_version(), IsOkAnd(1));
  EXPECT_THAT(database_.run("SELECT * FROM u"), FailsWith(ErrorCode::kInternal));
}

}  // namespace
}  // namespace voicectl
