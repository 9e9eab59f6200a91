// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/tenant_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/faulty.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::HasSubstr;

class TenantFilesTest : public ::testing::Test {
 protected:
  TenantFilesTest() {
    (void)files.make_directory("/state/tenants", kPrivateDirectory);
    (void)files.make_directory("/etc", kPrivateDirectory);
    platform.domain = "example.com";
    platform.ultravox.endpoint = "http://127.0.0.1:4100/api";
  }

  static TenantSpec a_tenant() {
    return *parse_tenant(R"({"slug":"alpha","name":"Alpha","business_type":"custom"})");
  }
  nlohmann::json config() {
    return nlohmann::json::parse(
        files.content_of("/state/tenants/alpha/config.json").value_or("{}"));
  }

  FakeFileSystem files;
  SeededRandom random{3};
  PlatformSpec platform;
  TenantFiles tenant_files{files, random, {{"/state", "/run", "/log"}, UserIds{77, 78}, true}};
};

TEST_F(TenantFilesTest, SecretsAreMadeOnceAndKept) {
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());
  const nlohmann::json first = config()["secrets"];

  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{2}, {}), IsOk());

  EXPECT_EQ(config()["secrets"], first);
  EXPECT_EQ(config()["generation"], 2);
}

TEST_F(TenantFilesTest, WhatItsRuntimeDidIsTheTenantsOwnTroubleAndABrokenDiskIsNot) {
  const std::string folder = "/state/tenants/alpha/";
  const auto trouble = [&] {
    return tenant_files.refresh_config(a_tenant(), platform, Generation{1}, {}).error();
  };
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());
  ASSERT_THAT(files.remove(folder + "config.json"), IsOk());
  files.fail_at(1, Error(ErrorCode::kInternal, "cannot read: I/O error"));
  EXPECT_FALSE(tenant_files.is_own_trouble(trouble(), platform));

  ASSERT_THAT(files.make_directory(folder + "config.json", kPrivateDirectory), IsOk());
  EXPECT_TRUE(tenant_files.is_own_trouble(trouble(), platform));
  files.damage(folder + "secrets.json", "{");
  EXPECT_TRUE(tenant_files.is_own_trouble(trouble(), platform));
  platform.store = {SessionStoreKind::kRedis, "redis://127.0.0.1", "/etc/nowhere"};
  EXPECT_FALSE(tenant_files.is_own_trouble(trouble(), platform)) << "nobody has that password";
}

TEST_F(TenantFilesTest, CredentialsOfErpnextAreInstalledAndStandNowhereElse) {
  TenantSpec tenant = a_tenant();
  tenant.backend = {BackendKind::kErpnext, "https://erp.example.com", "", "/etc/erp"};
  ASSERT_THAT(
      files.replace_atomically("/etc/erp", "key:canary-1\nwebhook canary-2\n", kPrivateFile),
      IsOk());

  ASSERT_THAT(tenant_files.prepare(tenant, platform, Generation{1}, {}), IsOk());

  const std::string folder = "/state/tenants/alpha/";
  EXPECT_EQ(files.content_of(folder + "erpnext.credentials"), "key:canary-1\nwebhook canary-2\n");
  EXPECT_EQ(files.find(folder + "erpnext.credentials")->mode, kPrivateFile);
  EXPECT_EQ(files.find(folder + "erpnext.credentials")->owner, (UserIds{77, 78}));
  const nlohmann::json backend = config()["tenant"]["backend"];
  EXPECT_EQ(backend["credentials_file"], folder + "erpnext.credentials");
  EXPECT_EQ(backend["company"], "Alpha");
  EXPECT_EQ(config().dump().find("canary"), std::string::npos);
}

TEST_F(TenantFilesTest, MissingCredentialsAreRefusedButDoNotTakeAwayWhatIsInstalled) {
  TenantSpec tenant = a_tenant();
  tenant.backend = {BackendKind::kErpnext, "https://erp.example.com", "", "/etc/erp"};
  EXPECT_THAT(tenant_files.prepare(tenant, platform, Generation{1}, {}),
              FailsWith(ErrorCode::kNotFound));
  ASSERT_THAT(files.replace_atomically("/etc/erp", "key:secret\n", kPrivateFile), IsOk());
  ASSERT_THAT(tenant_files.prepare(tenant, platform, Generation{1}, {}), IsOk());
  ASSERT_THAT(files.remove("/etc/erp"), IsOk());

  EXPECT_THAT(tenant_files.prepare(tenant, platform, Generation{2}, {}), IsOk());

  EXPECT_EQ(files.content_of("/state/tenants/alpha/erpnext.credentials"), "key:secret\n");
}

TEST_F(TenantFilesTest, ThePlatformsOwnFilesAreNoCredentials) {
  TenantSpec tenant = a_tenant();
  files.put("/state/tenants/rival/erpnext.credentials", "key:canary\n");
  files.put("/proc/self/environ", "KEY=canary");
  ASSERT_THAT(files.replace_link("/etc/state", "/state"), IsOk());

  for (const char* const path :
       {"/state/tenants/rival/erpnext.credentials",
        "/etc/../state//tenants/rival/erpnext.credentials",
        "/etc/state/tenants/rival/erpnext.credentials", "/proc/self/environ"}) {
    tenant.backend = {BackendKind::kErpnext, "https://erp.example.com", "", path};
    EXPECT_THAT(tenant_files.prepare(tenant, platform, Generation{1}, {}),
                FailsWith(ErrorCode::kInvalidArgument))
        << path;
    EXPECT_EQ(tenant_files.look_at_credentials(tenant), TenantFiles::KeyState::kUnreadable);
  }
  EXPECT_EQ(files.find("/state/tenants/alpha/erpnext.credentials"), nullptr);
}

TEST_F(TenantFilesTest, FilesArePrivateAndBelongToTheUserOfTheInstances) {
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  for (const char* name : {"config.json", "secrets.json"}) {
    const auto* const entry = files.find(std::string("/state/tenants/alpha/") + name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_EQ(entry->mode, kPrivateFile);
    EXPECT_EQ(entry->owner, (UserIds{77, 78}));
  }
}

TEST_F(TenantFilesTest, AConfigurationIsNeverThereWithoutBelongingToItsReader) {
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  Status written = Error(ErrorCode::kInternal, "not tried yet");
  for (std::size_t n = 1; written.has_error(); ++n) {
    SCOPED_TRACE("call " + std::to_string(n) + " fails");
    FaultPlan plan;
    plan.fail_at(n, Error(ErrorCode::kInternal, "cannot do it"));
    FaultyFileSystem faulty(files, plan);
    TenantFiles failing(faulty, random, {{"/state", "/run", "/log"}, UserIds{77, 78}, true});

    written = failing.write_config(a_tenant(), platform, Generation{2}, {});

    const auto* const entry = files.find("/state/tenants/alpha/config.json");
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->owner, (UserIds{77, 78}));
    EXPECT_EQ(config()["generation"], written.has_error() ? 1 : 2);
  }
}

TEST_F(TenantFilesTest, KeysHaveAFileOfTheirOwnThatIsPrivateToo) {
  const TenantId alpha = *TenantId::parse("alpha");
  const ApiKeyRecord key{"k1", alpha, "5f4d", "staff", WallTime{}, WallTime(5s)};
  ApiKeyRecord revoked{"k2", alpha, "77aa", "staff"};
  revoked.revoked_at = WallTime(1s);
  const ApiKeyRecord foreign{"k3", *TenantId::parse("beta"), "99bb", "admin"};

  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {key, revoked, foreign}),
              IsOk());

  const auto* const entry = files.find("/state/tenants/alpha/keys.json");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->mode, kPrivateFile);
  EXPECT_EQ(entry->owner, (UserIds{77, 78}));
  EXPECT_EQ(nlohmann::json::parse(entry->content)["keys"],
            nlohmann::json::parse(
                R"([{"id":"k1","sha256":"5f4d","scope":"staff","expires_at_ms":5000}])"));
  EXPECT_EQ(config()["keys_file"], "/state/tenants/alpha/keys.json");
}

TEST_F(TenantFilesTest, KeysThatHaveNotChangedAreNotWrittenAgain) {
  const TenantId alpha = *TenantId::parse("alpha");
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  EXPECT_EQ(*tenant_files.write_keys(alpha, {}), TenantFiles::Written::kAsBefore);
  EXPECT_EQ(*tenant_files.write_keys(alpha, {{"k1", alpha, "5f4d", "staff"}}),
            TenantFiles::Written::kAnew);
}

TEST_F(TenantFilesTest, TheStandInReachesWebhooksOverPlainHttp) {
  EXPECT_EQ(tenant_files.webhook_base(platform, *TenantId::parse("alpha")),
            "http://alpha.example.com:8080");
}

TEST_F(TenantFilesTest, TheRealServiceReachesWebhooksOverHttps) {
  platform.ultravox.endpoint = "https://api.ultravox.ai/api";
  platform.edge.https_port = 443;

  EXPECT_EQ(tenant_files.webhook_base(platform, *TenantId::parse("alpha")),
            "https://alpha.example.com");
}

TEST_F(TenantFilesTest, AWebhookBaseNamesTheTenantWherePlaced) {
  platform.ultravox.webhook_base = "https://hooks.example.com/{tenant}";

  EXPECT_EQ(tenant_files.webhook_base(platform, *TenantId::parse("alpha")),
            "https://hooks.example.com/alpha");
}

TEST_F(TenantFilesTest, AMissingUltravoxKeyIsSaidWithItsPath) {
  platform.ultravox.api_key_file = "/etc/ultravox.key";

  const Status installed = tenant_files.install_ultravox_key(platform);

  ASSERT_THAT(installed, FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(installed.error().text(), HasSubstr("/etc/ultravox.key"));
}

TEST_F(TenantFilesTest, TheUltravoxKeyIsCopiedForTheInstancesAlone) {
  files.put("/etc/ultravox.key", "secret-key\n");
  platform.ultravox.api_key_file = "/etc/ultravox.key";

  ASSERT_THAT(tenant_files.install_ultravox_key(platform), IsOk());

  const auto* const entry = files.find("/state/keys/ultravox.key");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->content, "secret-key\n");
  EXPECT_EQ(entry->mode, kPrivateFile);
}

TEST_F(TenantFilesTest, AConfigurationNamesTheStoreWithItsPasswordForTheInstanceAlone) {
  platform.store = {SessionStoreKind::kRedis, "redis://voice@127.0.0.1:6379"};
  files.put("/state/keys/redis.password", "hunter2\n");

  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  const auto* const config = files.find("/state/tenants/alpha/config.json");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->mode, kPrivateFile);
  EXPECT_THAT(config->content, HasSubstr(R"("store":{"kind":"redis","password":"hunter2",)"
                                         R"("url":"redis://voice@127.0.0.1:6379"})"));
}

TEST_F(TenantFilesTest, APasswordFileThatIsNamedCountsBeforeTheOneInTheStateFolder) {
  platform.store = {SessionStoreKind::kRedis, "redis://voice@127.0.0.1:6379", "/etc/redis.secret"};
  files.put("/state/keys/redis.password", "old\n");
  files.put("/etc/redis.secret", "hunter3\n");

  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  EXPECT_EQ(config()["store"]["password"], "hunter3");
}

TEST_F(TenantFilesTest, APasswordFileThatIsNamedAndMissingIsSaidWithItsPath) {
  platform.store = {SessionStoreKind::kRedis, "redis://voice@127.0.0.1:6379", "/etc/redis.secret"};
  files.put("/state/keys/redis.password", "old\n");

  const Status missing = tenant_files.prepare(a_tenant(), platform, Generation{1}, {});
  files.put("/etc/redis.secret", " \n");
  const Status empty = tenant_files.prepare(a_tenant(), platform, Generation{1}, {});

  ASSERT_THAT(missing, FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(missing.error().text(), HasSubstr("/etc/redis.secret"));
  EXPECT_THAT(empty, FailsWith(ErrorCode::kNotFound));
}

TEST_F(TenantFilesTest, AnInstanceLearnsWhereBackendsMayBe) {
  platform.backend_networks = {"10.0.0.0/8"};

  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  EXPECT_EQ(config()["platform"]["backend_networks"], nlohmann::json::parse(R"(["10.0.0.0/8"])"));
}

TEST_F(TenantFilesTest, ATenantMadeAnewIsAnotherOwnerOfItsSessions) {
  const auto owner = [&] {
    const std::string& text = files.find("/state/tenants/alpha/config.json")->content;
    return text.substr(text.find("store_owner"), 60);
  };
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());
  const std::string first = owner();
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{2}, {}), IsOk());
  EXPECT_EQ(owner(), first);
  ASSERT_THAT(
      tenant_files.retire(*TenantId::parse("alpha"), WallTime(std::chrono::milliseconds(5))),
      IsOk());
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());

  EXPECT_NE(owner(), first);
}

TEST_F(TenantFilesTest, ARetiredFolderIsSetAsideAndAMissingOneIsNoError) {
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());
  const TenantId alpha = *TenantId::parse("alpha");

  EXPECT_THAT(tenant_files.retire(alpha, WallTime(std::chrono::milliseconds(5))), IsOk());
  EXPECT_THAT(tenant_files.retire(alpha, WallTime(std::chrono::milliseconds(6))), IsOk());

  EXPECT_EQ(files.find("/state/tenants/alpha"), nullptr);
  EXPECT_NE(files.find("/state/retired/alpha-5/config.json"), nullptr);
  EXPECT_EQ(files.find("/state/retired/alpha-5/keys.json"), nullptr);
}

TEST_F(TenantFilesTest, AFolderThatIsOnlySaidToBeSetAsideIsAnError) {
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());
  FaultPlan plan;
  FaultyFileSystem faulty(files, plan);
  TenantFiles on_faulty{faulty, random, {{"/state", "/run", "/log"}, UserIds{77, 78}, true}};
  // The third change: the keys, the folder of those that were set aside, the move.
  plan.lie_at(4);

  const Status retired =
      on_faulty.retire(*TenantId::parse("alpha"), WallTime(std::chrono::milliseconds(5)));

  ASSERT_NE(files.find("/state/tenants/alpha"), nullptr) << "it is the move that lied";
  EXPECT_THAT(retired, FailsWith(ErrorCode::kInternal));
}

class ImportTest : public TenantFilesTest {
 protected:
  ImportTest() { (void)files.make_directory(kStage, kPrivateDirectory); }

  static TenantSpec an_imported_tenant() {
    TenantSpec tenant = a_tenant();
    tenant.import_id = "import-1-2";
    return tenant;
  }
  void put(const std::string& name, std::string_view text) {
    files.put(std::string(kStage) + "/" + name, text);
  }
  /// What the CLI leaves for the daemon.
  void stage(std::string_view tenant = "alpha", std::string_view store = "embedded") {
    put("tenant.db", "rows");
    put("secrets.json", R"({"webhook_secrets":["w"],"tool_secret":"t","store_owner":"o"})");
    put("target.json", R"({"tenant":"alpha"})");
    put("import.json",
        dump_json(Json{{"import", "import-1-2"}, {"tenant", tenant}, {"store", store}}));
  }
  Status adopt(SessionStoreKind store = SessionStoreKind::kEmbedded) {
    return tenant_files.adopt_import(an_imported_tenant(), store,
                                     WallTime(std::chrono::milliseconds(9)));
  }
  /// What an import must never end as.
  void expect_no_empty_tenant() { EXPECT_EQ(files.find("/state/tenants/alpha"), nullptr); }

  static constexpr const char* kStage = "/state/transfer/import-1-2";
};

TEST_F(ImportTest, TheStageBecomesTheTenantsFolder) {
  stage();

  EXPECT_THAT(adopt(), IsOk());
  EXPECT_THAT(adopt(), IsOk()) << "what was taken over is not missed";
  ASSERT_THAT(tenant_files.prepare(an_imported_tenant(), platform, Generation{1}, {}), IsOk());

  EXPECT_EQ(files.content_of("/state/tenants/alpha/data/tenant.db"), "rows");
  EXPECT_EQ(config()["secrets"]["tool_secret"], "t");
  EXPECT_FALSE(config()["tenant"].contains("import"));
  EXPECT_EQ(files.find(kStage), nullptr);
  for (const char* path :
       {"/state/tenants/alpha", "/state/tenants/alpha/data", "/state/tenants/alpha/data/tenant.db",
        "/state/tenants/alpha/secrets.json"}) {
    EXPECT_EQ(files.find(path)->owner, (UserIds{77, 78})) << path;
  }
}

TEST_F(ImportTest, AnImportWhoseDataAreGoneIsRefusedAndNotMadeEmpty) {
  EXPECT_THAT(adopt(), FailsWith(ErrorCode::kNotFound));
  stage();
  ASSERT_THAT(files.remove(std::string(kStage) + "/tenant.db"), IsOk());
  EXPECT_THAT(adopt(), FailsWith(ErrorCode::kNotFound));
  stage();
  ASSERT_THAT(files.remove(std::string(kStage) + "/secrets.json"), IsOk());
  EXPECT_THAT(adopt(), FailsWith(ErrorCode::kNotFound));

  expect_no_empty_tenant();
}

TEST_F(ImportTest, DataOfAnotherTenantOrStoreAreNotTaken) {
  stage("beta");
  EXPECT_THAT(adopt(), FailsWith(ErrorCode::kNotFound));
  stage("alpha", "redis");
  EXPECT_THAT(adopt(), FailsWith(ErrorCode::kNotFound));
  stage();
  EXPECT_THAT(adopt(SessionStoreKind::kRedis), FailsWith(ErrorCode::kNotFound));

  expect_no_empty_tenant();
}

TEST_F(ImportTest, DataOnRedisNeedNoFile) {
  stage("alpha", "redis");
  ASSERT_THAT(files.remove(std::string(kStage) + "/tenant.db"), IsOk());

  EXPECT_THAT(adopt(SessionStoreKind::kRedis), IsOk());

  EXPECT_NE(files.find("/state/tenants/alpha/secrets.json"), nullptr);
}

TEST_F(ImportTest, WhatACreationThatFailedLeftIsSetAside) {
  ASSERT_THAT(tenant_files.prepare(a_tenant(), platform, Generation{1}, {}), IsOk());
  stage();

  EXPECT_THAT(adopt(), IsOk());

  EXPECT_EQ(files.content_of("/state/tenants/alpha/data/tenant.db"), "rows");
  EXPECT_NE(files.find("/state/retired/alpha-9/secrets.json"), nullptr);
}

TEST_F(ImportTest, WhereverTakingOverFailsTheNextTryHasEverything) {
  for (std::size_t call = 1;; ++call) {
    SCOPED_TRACE(call);
    ASSERT_THAT(files.remove("/state/tenants/alpha"), IsOk());
    ASSERT_THAT(files.make_directory(kStage, kPrivateDirectory), IsOk());
    stage();
    files.fail_at(call, Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full"));

    const bool has_failed = adopt().has_error();

    if (has_failed) {
      EXPECT_EQ(files.find("/state/tenants/alpha"), nullptr) << "half a tenant";
      EXPECT_THAT(adopt(), IsOk());
    }
    EXPECT_EQ(files.content_of("/state/tenants/alpha/data/tenant.db"), "rows");
    EXPECT_NE(files.find("/state/tenants/alpha/secrets.json"), nullptr);
    if (!has_failed) {
      EXPECT_GT(call, 8U);
      break;
    }
  }
}

TEST_F(TenantFilesTest, CredentialsAreNotTakenFromThePlatformsOwnFiles) {
  TenantSpec tenant = a_tenant();
  for (const char* path : {"/state/tenants/beta/erpnext.credentials", "/state/../state/keys/x"}) {
    tenant.backend = {BackendKind::kErpnext, "https://erp.example.com", "", path};

    EXPECT_THAT(tenant_files.prepare(tenant, platform, Generation{1}, {}),
                FailsWith(ErrorCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace voicectl
