// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/json.h"
#include "runtime/session/tenant_database.h"
#include "runtime/tenant/config.h"
#include "tests/integration/runtime/data/data_fixture.h"

namespace voicectl::runtime {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ArchiveTest : public DataFixture {};

TEST_F(ArchiveTest, ATenantThatIsImportedIsTheSameRowForRow) {
  fill("acme", 50);
  const Result<Json> exported = export_to("acme", "acme.tar.zst");
  ASSERT_THAT(exported, IsOk());

  const Result<Json> imported = import_tenant(deps_, import_of("acme.tar.zst"));

  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ((*imported)["tenant"], "acme");
  EXPECT_EQ((*imported)["document"]["name"], "Acme");
  EXPECT_EQ((*imported)["rows"], (*exported)["rows"]);
  EXPECT_EQ(rows_of(folder_.path("stage/tenant.db")), rows_of(database_of("acme")));
  EXPECT_THAT(files_below(folder_.path("stage")),
              ElementsAre("import.json", "secrets.json", "target.json", "tenant.db"));
}

TEST_F(ArchiveTest, TheImportedFileIsServed) {
  fill("acme", 20);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ASSERT_THAT(import_tenant(deps_, import_of("acme.tar.zst")), IsOk());

  Result<TenantDatabase> served =
      TenantDatabase::open(folder_.path("stage/tenant.db"), FencingToken{9});

  ASSERT_THAT(served, IsOk());
  const Result<StoreContents> contents = served->load(clock_.now());
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->last_tenant_seq, 20U);
  EXPECT_EQ(contents->last_outbox_id, 17U);
  EXPECT_THAT(contents->responses, IsEmpty());
}

TEST_F(ArchiveTest, TheArchiveIsItsOwnersOnlyAndNothingIsLeftBesideIt) {
  fill("acme", 3);
  const mode_t before = ::umask(0);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ::umask(before);

  struct stat found {};
  ASSERT_EQ(::stat(folder_.path("acme.tar.zst").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_THAT(files_.list(folder_.path()).value(),
              ElementsAre("acme.document", "acme.tar.zst", "tenants"));
}

TEST_F(ArchiveTest, ItSeesOneMomentOfATenantThatIsWrittenTo) {
  fill("acme", 10);
  Result<TenantDatabase> live = TenantDatabase::open(database_of("acme"), FencingToken{4});
  ASSERT_THAT(live, IsOk());
  const std::vector<StoreBatch> more = everything("acme", 400);
  // Between any two tables that are copied somebody commits.
  std::size_t next = 10;
  ArchiveDeps deps{files_, random_, clock_,
                   [&](std::uint64_t) {
                     for (int i = 0; i < 20 && next < more.size(); ++i, ++next) {
                       const StoreBatch* const one = &more[next];
                       ASSERT_THAT(live->write(std::span(&one, 1)), IsOk());
                     }
                   },
                   [](std::uint64_t) {}};

  const Result<Json> exported =
      export_tenant(deps, {tenant_folder("acme") + "/config.json", tenant_folder("acme") + "/data",
                           folder_.path("acme.document"), "", folder_.path("acme.tar.zst")});

  ASSERT_THAT(exported, IsOk());
  EXPECT_GT(next, 10U);
  EXPECT_EQ((*exported)["rows"]["sessions"], 10);
  EXPECT_EQ((*exported)["rows"]["events"], 10);
  EXPECT_THAT(import_tenant(deps_, import_of("acme.tar.zst")), IsOk());
}

TEST_F(ArchiveTest, HasNoSecretsUnlessAsked) {
  fill("acme", 3);
  ASSERT_THAT(export_to("acme", "without.tar.zst"), IsOk());
  ASSERT_THAT(export_to("acme", "with.tar.zst", tenant_folder("acme") + "/secrets.json"), IsOk());

  ASSERT_THAT(import_tenant(deps_, import_of("without.tar.zst")), IsOk());
  const std::string made = *files_.read(folder_.path("stage/secrets.json"), 4096).value();
  ASSERT_THAT(files_.remove(folder_.path("stage")), IsOk());
  ASSERT_THAT(import_tenant(deps_, import_of("with.tar.zst")), IsOk());
  const std::string kept = *files_.read(folder_.path("stage/secrets.json"), 4096).value();

  EXPECT_THAT(made, Not(HasSubstr("tool-secret-of-acme")));
  EXPECT_EQ(parse_json(made).value()["tool_secret"].get<std::string>().size(), 40U);
  EXPECT_THAT(kept, HasSubstr("tool-secret-of-acme"));
  // Whose data a Redis server has is new in any case.
  EXPECT_EQ(parse_json(kept).value()["store_owner"].get<std::string>().size(), 40U);
}

TEST_F(ArchiveTest, ARotatedSecretComesBackWithTheEndOfTheFormerOne) {
  fill("acme", 1);
  const std::string path = tenant_folder("acme") + "/secrets.json";
  Json secrets = *parse_json(*files_.read(path, 4096).value());
  secrets["webhook_secrets"] = Json::array(
      {std::string(40, 'n'), Json{{"secret", std::string(40, 'o')}, {"accepted_until_ms", 7}}});
  ASSERT_THAT(files_.replace_atomically(path, dump_json(secrets), kPrivateFile), IsOk());
  ASSERT_THAT(export_to("acme", "with.tar.zst", path), IsOk());

  ASSERT_THAT(import_tenant(deps_, import_of("with.tar.zst")), IsOk());

  const std::string kept = *files_.read(folder_.path("stage/secrets.json"), 4096).value();
  EXPECT_EQ(parse_json(kept).value()["webhook_secrets"], secrets["webhook_secrets"]);
}

TEST_F(ArchiveTest, SecretsThatAllHaveAnEndGetOneThatHasNone) {
  fill("acme", 1);
  const std::string path = tenant_folder("acme") + "/secrets.json";
  Json secrets = *parse_json(*files_.read(path, 4096).value());
  const Json ended = {{"secret", std::string(40, 'o')}, {"accepted_until_ms", 7}};
  secrets["webhook_secrets"] = Json::array({ended});
  ASSERT_THAT(files_.replace_atomically(path, dump_json(secrets), kPrivateFile), IsOk());
  ASSERT_THAT(export_to("acme", "with.tar.zst", path), IsOk());

  ASSERT_THAT(import_tenant(deps_, import_of("with.tar.zst")), IsOk());

  const std::string kept = *files_.read(folder_.path("stage/secrets.json"), 4096).value();
  const Json hooks = parse_json(kept).value()["webhook_secrets"];
  ASSERT_EQ(hooks.size(), 2U);
  EXPECT_TRUE(hooks[0].is_string());
  EXPECT_EQ(hooks[1], ended);
}

TEST_F(ArchiveTest, KeysComeBackUnderTheSameNameWithScopesAndEnds) {
  fill("acme", 3);
  const std::string ended(64, 'e');
  const std::string keys = folder_.path("keys.json");
  ASSERT_THAT(
      files_.replace_atomically(
          keys,
          R"({"kind":"TenantKeys","tenant":"acme","keys":[{"id":"one","scope":"staff","sha256":")" +
              std::string(64, 'a') + R"("},{"id":"two","scope":"widget","sha256":")" +
              std::string(64, 'b') +
              R"(","expires_at_ms":4102444800000},{"id":"old","scope":"admin","sha256":")" + ended +
              R"(","expires_at_ms":1}]})",
          kPrivateFile),
      IsOk());
  const Result<Json> exported =
      export_tenant(deps_, {tenant_folder("acme") + "/config.json", tenant_folder("acme") + "/data",
                            folder_.path("acme.document"), tenant_folder("acme") + "/secrets.json",
                            folder_.path("acme.tar.zst"), keys});
  ASSERT_THAT(exported, IsOk());
  EXPECT_EQ((*exported)["api_keys"], 2);

  const Result<Json> imported = import_tenant(deps_, import_of("acme.tar.zst"));

  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ((*imported)["api_keys"], 2);
  const std::string text = *files_.read(folder_.path("stage/keys.json"), 4096).value();
  const auto restored = parse_tenant_keys(text, *TenantId::parse("acme"));
  ASSERT_THAT(restored, IsOk());
  ASSERT_EQ(restored->size(), 2U);
  EXPECT_EQ(restored->at(0), (ApiKey{"one", std::string(64, 'a'), KeyScope::kStaff}));
  EXPECT_EQ(restored->at(1), (ApiKey{"two", std::string(64, 'b'), KeyScope::kWidget,
                                     WallTime(std::chrono::milliseconds(4102444800000))}));
  ASSERT_THAT(files_.remove(folder_.path("stage")), IsOk());
  const Result<Json> copied = import_tenant(deps_, import_of("acme.tar.zst", "copy"));
  ASSERT_THAT(copied, IsOk());
  EXPECT_EQ((*copied)["api_keys"], 0);
  EXPECT_EQ((*copied)["other_api_keys"], 2);
  EXPECT_FALSE(files_.read(folder_.path("stage/keys.json"), 4096).value().has_value());
}

TEST_F(ArchiveTest, RefusesKeysThatAreNotOfOurForm) {
  fill("acme", 1);
  const std::string keys = folder_.path("keys.json");
  ASSERT_THAT(
      files_.replace_atomically(
          keys,
          R"({"kind":"TenantKeys","tenant":"acme","keys":[{"id":"../one","scope":"staff","sha256":")" +
              std::string(64, 'a') + R"("}]})",
          kPrivateFile),
      IsOk());
  ASSERT_THAT(
      export_tenant(deps_, {tenant_folder("acme") + "/config.json", tenant_folder("acme") + "/data",
                            folder_.path("acme.document"), "", folder_.path("acme.tar.zst"), keys}),
      IsOk());

  const Result<Json> imported = import_tenant(deps_, import_of("acme.tar.zst"));

  ASSERT_THAT(imported, FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(imported.error().text(), HasSubstr("API keys"));
}

TEST_F(ArchiveTest, UnderAnotherNameAllIsTheNewTenants) {
  fill("acme", 20);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());

  const Result<Json> imported = import_tenant(deps_, import_of("acme.tar.zst", "copy"));

  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ((*imported)["ended_sessions"], 1);
  EXPECT_EQ((*imported)["dead_entries"], 3);
  const auto rows = rows_of(folder_.path("stage/tenant.db"));
  EXPECT_EQ(rows.at("sessions").size(), 20U);
  for (const auto& [table, texts] : rows) {
    for (const std::string& text : texts) {
      EXPECT_THAT(text, Not(HasSubstr("acme_0123"))) << table;
    }
  }
  EXPECT_THAT(rows.at("outbox"), Not(Contains(HasSubstr("|pending|"))));
  EXPECT_THAT(rows.at("events"), Contains(HasSubstr("copy_0123456789ab100001")));
}

TEST_F(ArchiveTest, DamagedDataAreNotPassedOnAsSound) {
  fill("acme", 10);
  {
    SqliteDatabase file = SqliteDatabase::open(database_of("acme")).value();
    ASSERT_THAT(file.run("DELETE FROM events WHERE tenant_seq = 5"), IsOk());
  }

  EXPECT_THAT(export_to("acme", "acme.tar.zst"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(files_.list(folder_.path()).value(), Not(Contains(HasSubstr(".tar.zst"))));
}

TEST_F(ArchiveTest, ATenantWithoutADatabaseIsNotFound) {
  write_config("acme");

  EXPECT_THAT(export_to("acme", "acme.tar.zst"), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(import_tenant(deps_, import_of("none.tar.zst")), FailsWith(ErrorCode::kNotFound));
}

TEST_F(ArchiveTest, CheckSaysWhatIsWrong) {
  fill("acme", 10);
  const auto check = [this] {
    return check_tenant(deps_, tenant_folder("acme") + "/config.json",
                        tenant_folder("acme") + "/data")
        .value();
  };
  EXPECT_THAT(check()["problems"], IsEmpty());
  const std::pair<std::string, std::string> damages[] = {
      {"DELETE FROM usage WHERE session LIKE '%100003'", "has no usage"},
      {"UPDATE sessions SET status = 'failed' WHERE session LIKE '%100004'",
       "says something else than its row"},
      {"DELETE FROM fence", "0 marks of a holder"},
      {"UPDATE sqlite_sequence SET seq = 2 WHERE name = 'outbox'", "number that was never given"},
      {"UPDATE records SET kind = 'cake' WHERE id = 'order-1'", "record 'order-1'"},
      {"UPDATE events SET data = '{' WHERE tenant_seq = 2", "event 2 is not of our form"},
      {"CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM usage; END", "has no trigger t"}};
  for (const auto& [sql, finding] : damages) {
    ASSERT_THAT(SqliteDatabase::open(database_of("acme")).value().run(sql), IsOk());

    EXPECT_THAT(dump_json(check()["problems"]), HasSubstr(finding)) << sql;

    ASSERT_THAT(files_.remove(tenant_folder("acme")), IsOk());
    fill("acme", 10);
  }
}

TEST_F(ArchiveTest, PurgeLeavesNothingOfARetiredTenant) {
  fill("acme", 10);
  ASSERT_THAT(files_.make_directory(folder_.path("retired"), kPrivateDirectory), IsOk());
  const std::string retired = folder_.path("retired/acme-1800000000000");
  ASSERT_THAT(files_.move(tenant_folder("acme"), retired), IsOk());

  const Json listed = list_retired(deps_, folder_.path()).value();
  ASSERT_THAT(purge_retired(deps_, retired), IsOk());

  ASSERT_EQ(listed["retired"].size(), 1U);
  EXPECT_EQ(listed["retired"][0]["tenant"], "acme");
  EXPECT_EQ(listed["retired"][0]["store"], "embedded");
  EXPECT_GT(listed["retired"][0]["bytes"].get<int>(), 10'000);
  EXPECT_THAT(files_below(folder_.path("retired")), IsEmpty());
  EXPECT_THAT(purge_retired(deps_, retired), IsOk()) << "it can be repeated";
}

TEST_F(ArchiveTest, AStageSaysWhoseItIsAndOfWhichImport) {
  fill("acme", 4);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());

  ASSERT_THAT(import_tenant(deps_, import_of("acme.tar.zst", "copy")), IsOk());

  const Json note = *parse_json(*files_.read(folder_.path("stage/import.json"), 4096).value());
  EXPECT_EQ(note["import"], "stage") << "the name of its folder";
  EXPECT_EQ(note["tenant"], "copy");
  EXPECT_EQ(note["store"], "embedded");
}

TEST_F(ArchiveTest, WhatRootStagesIsTheUsersWhoseFolderItIsIn) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give files away";
  }
  fill("acme", 4);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  const std::string around = folder_.path("transfer");
  ASSERT_EQ(::mkdir(around.c_str(), 0700), 0);
  ASSERT_EQ(::chown(around.c_str(), 65534, 65534), 0);
  ImportRequest request = import_of("acme.tar.zst");
  request.stage = around + "/import-1-2";

  ASSERT_THAT(import_tenant(deps_, request), IsOk());

  for (const char* name : {"", "/tenant.db", "/secrets.json", "/import.json", "/target.json"}) {
    struct stat about {};
    ASSERT_EQ(::lstat((request.stage + name).c_str(), &about), 0) << name;
    EXPECT_EQ(about.st_uid, 65534U) << name;
  }
}

}  // namespace
}  // namespace voicectl::runtime
