// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/sqlite_registry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/sqlite.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/registry/registry_schema.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

class SqliteHost final : public RegistryHost {
 public:
  /// Without the lock file of the one before, as if that one ran where locks do not reach.
  std::unique_ptr<Registry> open() override {
    ::unlink(folder_.path("registry.db.lock").c_str());
    Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(folder_.path("registry.db"));
    EXPECT_THAT(registry, IsOk());
    return *std::move(registry);
  }
  std::vector<std::string> closed_subjects() override {
    SqliteDatabase database =
        SqliteDatabase::open_to_read(folder_.path("registry.db"), SqliteDatabase::Origin::kOurs)
            .value();
    SqliteStatement rows =
        database.prepare("SELECT subject FROM journal WHERE state <> 'intent' ORDER BY number")
            .value();
    std::vector<std::string> out;
    while (rows.step().value()) {
      out.push_back(rows.text(0));
    }
    return out;
  }

 private:
  TempDir folder_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, RegistryContract, ::testing::Values(MakeRegistryHost([] {
                           return std::make_unique<SqliteHost>();
                         })));

class SqliteRegistryTest : public ::testing::Test {
 protected:
  std::unique_ptr<Registry> open() {
    Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path_);
    EXPECT_THAT(registry, IsOk());
    return *std::move(registry);
  }
  void overwrite(off_t offset, const std::string& bytes) {
    const int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::pwrite(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }

  TempDir folder_;
  const std::string path_ = folder_.path("registry.db");
};

TEST_F(SqliteRegistryTest, LoadsADesiredStateThatIsLargerThanAnyDocumentMayBe) {
  DesiredState desired;
  desired.platform.domain = "voice.example";
  TenantSpec spec{.tenant = *TenantId::parse("acme"), .name = "Acme"};
  for (int i = 0; i < 200; ++i) {
    spec.menu.push_back(MenuItem{.name = "Dish " + std::to_string(i),
                                 .category = "Food",
                                 .description = std::string(400, 'x')});
  }
  for (int i = 0; i < 100; ++i) {
    spec.tenant = *TenantId::parse("acme-" + std::to_string(100 + i));
    desired.tenants.push_back(spec);
  }
  ASSERT_GT(render_desired_state(desired).size(), YamlBudget{}.bytes);
  ASSERT_THAT(open()->accept_desired(desired, {}), IsOk());

  const auto loaded = open()->load_desired();

  EXPECT_THAT(loaded, IsOkAnd(::testing::Optional(desired)));
}

TEST_F(SqliteRegistryTest, RefusesASecondDaemonAndNamesTheFirst) {
  const std::unique_ptr<Registry> first = open();

  const auto second = open_sqlite_registry(path_);

  ASSERT_THAT(second, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(second.error().text(), HasSubstr("pid " + std::to_string(::getpid())));
  EXPECT_THAT(first->load(), IsOk());
}

TEST_F(SqliteRegistryTest, OpensAgainAfterTheFirstDaemonHasEnded) {
  open().reset();

  EXPECT_THAT(open_sqlite_registry(path_), IsOk());
}

TEST_F(SqliteRegistryTest, IsReadableForItsOwnerOnly) {
  const std::unique_ptr<Registry> registry = open();

  for (const char* const suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat found {};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 0777, 0600U) << suffix;
  }
}

TEST_F(SqliteRegistryTest, RefusesAFileThatIsNoDatabase) {
  open().reset();
  overwrite(0, std::string(200, 'x'));

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(SqliteRegistryTest, RefusesAFileWithDamagedPages) {
  {
    const std::unique_ptr<Registry> registry = open();
    const std::vector<EventRecord> many(2000, an_event("filler"));
    ASSERT_THAT(registry->append_events(many), IsOk());
  }
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  for (off_t page = 8192; page < found.st_size; page += 8192) {
    overwrite(page, std::string(64, '\x7f'));
  }

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(SqliteRegistryTest, RefusesAFileThatWasCutToNothing) {
  open().reset();
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(SqliteRegistryTest, RefusesALogWithoutItsFile) {
  const int fd = ::open((path_ + "-wal").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  ::close(fd);

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(SqliteRegistryTest, ForgetsACreationThatWasCutShort) {
  const int fd = ::open((path_ + ".new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::write(fd, "half", 4), 4);
  ::close(fd);

  EXPECT_THAT(open_sqlite_registry(path_), IsOk());
  EXPECT_NE(::access((path_ + ".new").c_str(), F_OK), 0);
}

TEST_F(SqliteRegistryTest, AFileOfBeforeProgramsWereKeptGoesOn) {
  {
    SqliteDatabase database = SqliteDatabase::open(path_).value();
    ASSERT_THAT(database.migrate(registry_migrations().first(2)), IsOk());
    ASSERT_THAT(database.run(R"sql(
UPDATE platform_state SET epoch = 7, generation = 12;
INSERT INTO instances VALUES ('shared-0', 'shared', 21000, 'abc', 1000);
INSERT INTO instances VALUES ('shared-1', 'shared', 21001, '', 1000);
INSERT INTO api_keys VALUES ('acme', 'k1', 'hash', 'admin', 1000, 2000, NULL, 'k2');
)sql"),
                IsOk());
  }

  const std::unique_ptr<Registry> registry = open();

  EXPECT_EQ(registry->epoch().value, 8U);
  const Result<Snapshot> snapshot = registry->load();
  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->generation.value, 12U);
  std::map<std::string, InstanceFate> fates;
  for (const auto& [id, instance] : snapshot->instances) {
    fates.emplace(id.str(), instance.fate);
  }
  EXPECT_THAT(fates,
              ::testing::ElementsAre(::testing::Pair("shared-0", InstanceFate::kServing),
                                     // It was to be replaced, which its fingerprint said then.
                                     ::testing::Pair("shared-1", InstanceFate::kRetired)));
  EXPECT_TRUE(snapshot->programs.known.empty());
  const auto keys = registry->load_api_keys();
  ASSERT_THAT(keys, IsOkAnd(::testing::SizeIs(1)));
  EXPECT_EQ(keys->front().replaced_by, "k2");
  EXPECT_EQ(keys->front().expires_at, WallTime(std::chrono::milliseconds(2000)));
}

TEST_F(SqliteRegistryTest, RefusesTheFileOfANewerProgram) {
  open().reset();
  // Offset of the user version in the header of a SQLite file, big-endian.
  overwrite(60, std::string("\x00\x00\x27\x0f", 4));

  EXPECT_THAT(open_sqlite_registry(path_), FailsWith(ErrorCode::kConflict));
}

TEST_F(SqliteRegistryTest, SaysThatTheFolderIsMissing) {
  EXPECT_THAT(open_sqlite_registry(folder_.path("no/such/registry.db")),
              FailsWith(ErrorCode::kPermissionDenied));
}

}  // namespace
}  // namespace voicectl
