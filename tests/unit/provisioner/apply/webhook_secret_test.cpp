// SPDX-License-Identifier: Apache-2.0
// How a tenant's webhook secret is replaced by another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/faulty.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

class WebhookSecretTest : public ::testing::Test {
 protected:
  WebhookSecretTest() {
    (void)files.make_directory("/state/tenants", kPrivateDirectory);
    platform.domain = "example.com";
    platform.ultravox.endpoint = "http://127.0.0.1:4100/api";
    (void)tenant_files.prepare(a_tenant(), platform, Generation{1}, {});
  }

  static TenantSpec a_tenant() {
    return *parse_tenant(R"({"slug":"alpha","name":"Alpha","business_type":"custom"})");
  }
  Result<WallTime> rotate(int at_s, Duration overlap = 100s) {
    return tenant_files.rotate_webhook_secret(a_tenant().tenant,
                                              WallTime(std::chrono::seconds(at_s)), overlap);
  }
  Json read(const std::string& name) {
    return Json::parse(files.content_of("/state/tenants/alpha/" + name).value_or("{}"));
  }
  Json secrets() { return read("secrets.json"); }
  Json hooks() { return secrets()["webhook_secrets"]; }

  FakeFileSystem files;
  SeededRandom random{3};
  PlatformSpec platform;
  TenantFiles tenant_files{files, random, {{"/state", "/run", "/log"}, UserIds{77, 78}, true}};
  RecordedTenant recorded{.spec = a_tenant(),
                          .generation = Generation{1},
                          .port = std::nullopt,
                          .has_data = true,
                          .placement = std::nullopt,
                          .token = {},
                          .routes = {}};
};

TEST_F(WebhookSecretTest, TheNewOneIsFirstAndTheFormerOneHasAnEnd) {
  const Json before = secrets();

  ASSERT_THAT(rotate(1000), IsOk());

  const Json former = {{"secret", before["webhook_secrets"][0]}, {"accepted_until_ms", 1'100'000}};
  EXPECT_NE(hooks()[0], before["webhook_secrets"][0]);
  EXPECT_EQ(hooks()[0].get<std::string>().size(), 40U);
  EXPECT_EQ(hooks()[1], former);
  EXPECT_EQ(secrets()["tool_secret"], before["tool_secret"]);
  EXPECT_EQ(secrets()["store_owner"], before["store_owner"]);
  EXPECT_EQ(files.find("/state/tenants/alpha/secrets.json")->mode, kPrivateFile);
}

TEST_F(WebhookSecretTest, AShorterOverlapEndsTheEarlierOnesTooAndTheEndedAreErased) {
  ASSERT_THAT(rotate(1000, 500s), IsOk());
  ASSERT_THAT(rotate(1010, 20s), IsOk());

  ASSERT_EQ(hooks().size(), 3U);
  EXPECT_EQ(hooks()[1]["accepted_until_ms"], 1'030'000);
  EXPECT_EQ(hooks()[2]["accepted_until_ms"], 1'030'000);
  ASSERT_THAT(rotate(1030), IsOk());
  EXPECT_EQ(hooks().size(), 2U);
}

TEST_F(WebhookSecretTest, WhatIsRotatedIsOpenUntilTheConfigurationSaysIt) {
  EXPECT_EQ(*tenant_files.has_undelivered_secrets(recorded), false);
  ASSERT_THAT(rotate(1000, 0s), IsOk());
  EXPECT_EQ(*tenant_files.has_undelivered_secrets(recorded), true);

  ASSERT_THAT(tenant_files.refresh_config(a_tenant(), platform, Generation{1}, {}), IsOk());

  EXPECT_EQ(read("config.json")["secrets"], secrets());
  EXPECT_EQ(*tenant_files.has_undelivered_secrets(recorded), true) << "not recorded yet";
  recorded.generation = Generation{2};
  EXPECT_EQ(*tenant_files.has_undelivered_secrets(recorded), false);
}

TEST_F(WebhookSecretTest, ThereAreNotEndlesslyManyAtOneTime) {
  for (std::size_t i = 1; i < kMostWebhookSecrets; ++i) {
    ASSERT_THAT(rotate(1000), IsOk());
  }
  const Json before = secrets();

  EXPECT_THAT(rotate(1000), FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_EQ(secrets(), before);
  EXPECT_THAT(rotate(1200), IsOk());
}

TEST_F(WebhookSecretTest, LostSecretsAreNotReplaced) {
  ASSERT_THAT(files.remove("/state/tenants/alpha/secrets.json"), IsOk());
  ASSERT_THAT(files.remove("/state/tenants/alpha/config.json"), IsOk());

  EXPECT_THAT(rotate(1000), FailsWith(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace voicectl
