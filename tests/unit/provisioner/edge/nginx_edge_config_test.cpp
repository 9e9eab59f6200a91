// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_edge_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/matchers.h"
#include "tests/unit/provisioner/edge/golden.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

EdgeConfig a_config() {
  return {.address = "0.0.0.0",
          .http_port = *Port::make(80),
          .https_port = *Port::make(443),
          .domain = *HostName::parse("qastco.com"),
          .folders = {"/run/voicectl", "/var/log/voicectl"},
          .plain_http = PlainHttp::kRedirect,
          .user = EdgeUser{"www-data", "www-data"},
          .processes = std::nullopt,
          .api_limit = kDefaultApiLimit,
          .voice_limit = kDefaultVoiceLimit,
          .tenants = {}};
}

EdgeConfig a_static_config() {
  EdgeConfig config = a_config();
  config.mode = EdgeMode::kStatic;
  config.address = "::";
  config.http_port = *Port::make(8080);
  config.https_port = *Port::make(8443);
  config.plain_http = PlainHttp::kServe;
  config.user = std::nullopt;
  config.processes = 2;
  config.api_limit = std::nullopt;
  config.voice_limit = std::nullopt;
  config.tenants = {
      {*TenantId::parse("acme"), {*HostName::parse("acme.qastco.com")}},
      {*TenantId::parse("mario-pizza"),
       {*HostName::parse("mario-pizza.qastco.com"), *HostName::parse("voice.mario.example")}}};
  return config;
}

std::string text_of(const EdgeConfig& config) {
  const Result<NginxTree> tree = make_nginx_config(config);
  EXPECT_THAT(tree, IsOk());
  const Result<std::string> text = emit_nginx_config(*tree);
  EXPECT_THAT(text, IsOk());
  return *text;
}

void collect_names(const NginxTree& tree, std::set<std::string>& names) {
  for (const NginxDirective& directive : tree) {
    names.insert(directive.name);
    if (directive.block) {
      collect_names(*directive.block, names);
    }
  }
}

TEST(NginxEdgeConfigTest, RendersDynamicMode) {
  expect_golden("nginx/dynamic.conf", text_of(a_config()));
}

TEST(NginxEdgeConfigTest, RendersStaticMode) {
  expect_golden("nginx/static.conf", text_of(a_static_config()));
}

TEST(NginxEdgeConfigTest, UsesNeitherRewriteNorSetNorStapling) {
  for (const EdgeConfig& config : {a_config(), a_static_config()}) {
    std::set<std::string> names;
    collect_names(*make_nginx_config(config), names);

    EXPECT_THAT(names, Not(testing::Contains("rewrite")));
    EXPECT_THAT(names, Not(testing::Contains("set")));
    EXPECT_THAT(names, Not(testing::Contains("include")));
    EXPECT_THAT(names, Not(testing::Contains("ssl_stapling")));
  }
}

TEST(NginxEdgeConfigTest, NamesTheSameConfigurationTheSame) {
  EdgeConfig changed = a_config();
  changed.https_port = *Port::make(444);

  EXPECT_EQ(*edge_fingerprint(a_config()), *edge_fingerprint(a_config()));
  EXPECT_NE(*edge_fingerprint(a_config()), *edge_fingerprint(changed));
  EXPECT_THAT(text_of(a_config()), HasSubstr("return 200 " + *edge_fingerprint(a_config()) + ";"));
}

TEST(NginxEdgeConfigTest, DynamicModeDoesNotDependOnTenants) {
  EdgeConfig with_tenants = a_config();
  with_tenants.tenants = a_static_config().tenants;

  EXPECT_EQ(text_of(a_config()), text_of(with_tenants));
}

TEST(NginxEdgeConfigTest, RefusesFoldersThatCannotStandInAConfiguration) {
  for (const char* folder : {"/run/a b", "/run/$x", "/run/a;b", "relative", "/run/{", "/run/../x",
                             "/run/x\n", "/run/\xc3\xa9"}) {
    EdgeConfig config = a_config();
    config.folders.run = folder;

    EXPECT_THAT(make_nginx_config(config), FailsWith(ErrorCode::kInvalidArgument)) << folder;
    EXPECT_THAT(edge_fingerprint(config), FailsWith(ErrorCode::kInvalidArgument)) << folder;
  }
}

TEST(NginxEdgeConfigTest, RefusesAddressesThatAreNone) {
  for (const char* address : {"", "localhost", "1.2.3", "1.2.3.4; root /", "*", "[::1]"}) {
    EdgeConfig config = a_config();
    config.address = address;

    EXPECT_THAT(make_nginx_config(config), FailsWith(ErrorCode::kInvalidArgument)) << address;
  }
}

TEST(NginxEdgeConfigTest, RefusesUsersThatAreNone) {
  EdgeConfig config = a_config();
  config.user = EdgeUser{"www-data; load_module x", "www-data"};

  EXPECT_THAT(make_nginx_config(config), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(NginxEdgeConfigTest, RefusesOnePortForBoth) {
  EdgeConfig config = a_config();
  config.http_port = config.https_port;

  EXPECT_THAT(make_nginx_config(config), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(NginxEdgeConfigTest, RefusesAModeWithoutAnEdge) {
  EdgeConfig config = a_config();
  config.mode = EdgeMode::kNone;

  EXPECT_THAT(make_nginx_config(config), FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
