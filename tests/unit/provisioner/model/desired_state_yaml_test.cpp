// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/desired_state_yaml.h"

#include <gmock/gmock.h>

#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(DesiredStateYamlTest, ReadsEveryPartOfAPlatform) {
  const ParsedState parsed = parse(platform_document(R"(  domain: qastco.com
  edge: {mode: static, address: "::1", http_port: 80, https_port: 443, probe: {every: 10s, misses: 2, timeout: 3}}
  ports: {range: 22000-22999}
  liveness: {every: 2, misses: 4, replace: false, start_timeout: 1m}
  state_directory: /srv/state
  log_directory: /srv/log
  pool: {size: 3}
  store: {kind: redis, redis_url: "redis://127.0.0.1:6379"}
  ultravox: {endpoint: "http://127.0.0.1:4100/api", api_key_file: /etc/key, webhook_base: "https://{tenant}.example.com"}
)"));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  const PlatformSpec& spec = parsed.state.platform;
  EXPECT_EQ(spec.domain, "qastco.com");
  EXPECT_EQ(spec.edge, (EdgeSpec{EdgeMode::kStatic,
                                 "::1",
                                 80,
                                 443,
                                 {std::chrono::seconds(10), 2, std::chrono::seconds(3)}}));
  EXPECT_EQ(spec.liveness,
            (LivenessSpec{std::chrono::seconds(2), 4, false, std::chrono::minutes(1)}));
  EXPECT_EQ(spec.first_port, 22000);
  EXPECT_EQ(spec.last_port, 22999);
  EXPECT_EQ(spec.state_directory, "/srv/state");
  EXPECT_EQ(spec.log_directory, "/srv/log");
  EXPECT_EQ(spec.pool_size, 3U);
  EXPECT_EQ(spec.store, (StoreSpec{SessionStoreKind::kRedis, "redis://127.0.0.1:6379"}));
  EXPECT_EQ(spec.ultravox, (UltravoxSpec{"http://127.0.0.1:4100/api", "/etc/key",
                                         "https://{tenant}.example.com"}));
}

TEST(DesiredStateYamlTest, ReadsEveryPartOfATenant) {
  const ParsedState parsed = parse(tenant_document(R"(    plan: enterprise
    tier: dedicated
    email: owner@acme.example
    phone: +1-555-0100
    time_zone: Europe/Vienna
    domains: [orders.acme.example]
    allowed_origins: ["https://shop.example.com"]
    limits: {concurrent_sessions: 7, sessions_per_month: 900, session_duration: 30m, api_requests: 50, webhooks: null, requests_in_flight: 9, websockets: 33}
    backend: {kind: erpnext, url: "https://erp.example.com", company: Acme Inc, credentials_file: /etc/acme, mode: direct, site: acme.erp.example.com, time_zone: Asia/Kolkata, answer_within_ms: 1500}
    voice: {voice: Mark, language: de-AT, model: m, greeting: Servus, instructions: "Be brief.\nBe kind."}
    opening_hours: {monday: 09:00-17:00, friday: [13:00-17:00, "09:00-12:00"], sunday: closed}
    menu: [{name: Soup, category: Starters, price: 4.5, prep_time: 3, description: Hot, voice_keywords: [soup], customizable: true}]
    services: [{name: Visit, price: "80", duration: 45, booking_lead_time_hours: 24}]
    support_categories: [{name: Billing, priority: urgent, resolution_time: 60}]
    staff: [{name: Ann, specialty: Billing, email: ann@acme.example, phone: 555-1}]
)"));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  const TenantSpec& spec = parsed.state.tenants.front();
  EXPECT_EQ(spec.tier, Tier::kDedicated);
  EXPECT_EQ(spec.allowed_origins, std::vector<std::string>{"https://shop.example.com"});
  EXPECT_EQ(spec.limits, (TenantLimits{7, 900, std::chrono::seconds(1800), 50, std::nullopt,
                                       std::nullopt, 9, 33}));
  EXPECT_EQ(spec.backend, (Backend{BackendKind::kErpnext, "https://erp.example.com", "Acme Inc",
                                   "/etc/acme", BackendMode::kDirect, "acme.erp.example.com",
                                   "Asia/Kolkata", std::chrono::milliseconds(1500)}));
  EXPECT_EQ(spec.voice, (VoiceConfig{"Mark", "de-AT", "m", "Servus", "Be brief.\nBe kind."}));
  EXPECT_EQ(spec.opening_hours, (OpeningHours{{Weekday::kMonday, {{540, 1020}}},
                                              {Weekday::kFriday, {{540, 720}, {780, 1020}}}}));
  EXPECT_THAT(spec.menu,
              ElementsAre(MenuItem{"Soup", "Starters", Money{450}, 3, "Hot", {"soup"}, true}));
  EXPECT_THAT(spec.services, ElementsAre(ServiceItem{"Visit", "", Money{8000}, 45, "", {}, 24}));
  EXPECT_THAT(spec.support_categories,
              ElementsAre(SupportCategory{"Billing", Priority::kUrgent, 60, "", {}}));
  EXPECT_THAT(spec.staff, ElementsAre(StaffMember{"Ann", "Billing", "ann@acme.example", "555-1"}));
}

TEST(DesiredStateYamlTest, NamesFileLineColumnPathAndAWayOut) {
  EXPECT_EQ(first_problem(tenant_document("    tier: dedicatet\n")),
            "platform.yaml:6:11: tenants[0].tier: found 'dedicatet'; allowed are auto, pooled, "
            "dedicated; did you mean 'dedicated'?");
}

TEST(DesiredStateYamlTest, SuggestsTheKeyThatWasMeant) {
  EXPECT_EQ(first_problem(tenant_document("    limits:\n      concurent_sessions: 5\n")),
            "platform.yaml:7:7: tenants[0].limits.concurent_sessions: found an unknown key; did "
            "you mean 'concurrent_sessions'?");
}

TEST(DesiredStateYamlTest, ReportsAllProblemsAtOnceInOrderOfLines) {
  const ParsedState parsed = parse(R"(apiVersion: voicectl/v1
tenants:
  - slug: Acme
    name: Acme
    business_type: bakery
    limits:
      concurrent_sessions: 0
  - slug: beta
    business_type: custom
    demo: yes
)");

  EXPECT_THAT(
      lines_of(parsed),
      ElementsAre(HasSubstr("platform.yaml:3:11: tenants[0].slug: found 'Acme'; allowed is a name"),
                  HasSubstr("platform.yaml:5:20: tenants[0].business_type: found 'bakery'"),
                  HasSubstr("platform.yaml:7:28: tenants[0].limits.concurrent_sessions: found '0'; "
                            "allowed is a whole number from 1 to 100000"),
                  HasSubstr("platform.yaml:8:5: tenants[1].name: found no such key"),
                  HasSubstr("platform.yaml:10:11: tenants[1].demo: found 'yes'; allowed is true or "
                            "false; did you mean 'true'?")));
}

TEST(DesiredStateYamlTest, NamesBothPlacesOfAKeyThatStandsTwice) {
  EXPECT_THAT(first_problem(tenant_document("    name: Other\n")),
              HasSubstr("platform.yaml:6:5: tenants[0].name: found this key a second time; the "
                        "first is in line 4"));
}

TEST(DesiredStateYamlTest, TakesNumbersOnlyAsEveryReaderWould) {
  const auto with = [](const std::string& number) {
    return first_problem(tenant_document("    limits: {concurrent_sessions: " + number + "}\n"));
  };

  EXPECT_THAT(with("010"), HasSubstr("some readers take for octal: 10"));
  EXPECT_THAT(with("\"10\""), HasSubstr("remove the quotes"));
  for (const char* number :
       {"0x10", "1_000", "1e2", "5.0", "-3", "~", "[1]", "99999999999999999"}) {
    EXPECT_THAT(with(number), HasSubstr("allowed is a whole number")) << number;
  }
  EXPECT_EQ(with("10"), "");
}

TEST(DesiredStateYamlTest, KeepsWordsThatLookLikeFlagsAsText) {
  const ParsedState parsed = parse(tenant_document("    voice: {language: no, greeting: yes}\n"));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  EXPECT_EQ(parsed.state.tenants.front().voice.language, "no");
  EXPECT_EQ(parsed.state.tenants.front().voice.greeting, "yes");
}

TEST(DesiredStateYamlTest, RefusesReservedNames) {
  EXPECT_THAT(first_problem(tenant_document("", "admin")),
              HasSubstr("found 'admin', which is reserved for the platform itself"));
  EXPECT_THAT(first_problem(tenant_document("", "support")),
              HasSubstr("found 'support', which is reserved for the demo businesses"));
  EXPECT_EQ(first_problem(tenant_document("    demo: true\n", "support")), "");
  EXPECT_THAT(first_problem(tenant_document("    demo: true\n", "admin")), HasSubstr("reserved"));
}

TEST(DesiredStateYamlTest, LeavesRoomForTheNameOfADedicatedInstance) {
  EXPECT_EQ(first_problem(tenant_document("", std::string(53, 'a'))), "");
  EXPECT_THAT(first_problem(tenant_document("", std::string(54, 'a'))),
              HasSubstr("found a name of 54 characters; allowed are 53"));
}

TEST(DesiredStateYamlTest, ReadsSeveralDocumentsAndFilesAsOneState) {
  const ParsedState parsed = parse_desired_state(
      {{"platform.yaml", "apiVersion: voicectl/v1\nplatform: {domain: a.example}\n---\n" +
                             tenant_document("", "zebra")},
       {"more.yaml", tenant_document("", "acme")}},
      nullptr);

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  EXPECT_EQ(parsed.state.platform.domain, "a.example");
  ASSERT_THAT(parsed.state.tenants, SizeIs(2));
  EXPECT_EQ(parsed.state.tenants.front().tenant.str(), "acme");
}

TEST(DesiredStateYamlTest, NamesBothPlacesOfATenantThatStandsTwice) {
  const ParsedState parsed = parse_desired_state(
      {{"a.yaml", tenant_document("")}, {"b.yaml", tenant_document("")}}, nullptr);

  EXPECT_THAT(lines_of(parsed),
              ElementsAre("b.yaml:3:11: tenants[0].slug: found the slug 'acme' a second time; the "
                          "first is at a.yaml:3; keep one of them"));
}

TEST(DesiredStateYamlTest, RefusesASecondPlatform) {
  const std::string platform = platform_document("  domain: a.example\n");

  const ParsedState parsed =
      parse_desired_state({{"a.yaml", platform}, {"b.yaml", platform}}, nullptr);

  EXPECT_THAT(lines_of(parsed), ElementsAre(HasSubstr("found a second platform; the first is at "
                                                      "a.yaml:3")));
}

TEST(DesiredStateYamlTest, AsksForTheVersion) {
  EXPECT_THAT(first_problem("tenants: []\n"), HasSubstr("add apiVersion: voicectl/v1"));
  EXPECT_THAT(first_problem("apiVersion: voicectl/v2\n"), HasSubstr("allowed is 'voicectl/v1'"));
  EXPECT_THAT(first_problem(""), HasSubstr("platform.yaml: found no document"));
  EXPECT_THAT(first_problem("# nothing\n---\n"), HasSubstr("found no document"));
  EXPECT_THAT(first_problem("- a\n"), HasSubstr("found a list; allowed is a map"));
}

TEST(DesiredStateYamlTest, ReadsListsFromFilesBesideTheDocument) {
  const std::string document = tenant_document(
      "    menu_file: parts/menu.yaml\n"
      "    staff_file: parts/staff.yaml\n");

  const ParsedState parsed = parse_desired_state(
      {{"etc/platform.yaml", document}},
      reader_of({{"etc/parts/menu.yaml", "menu_items: [{name: Soup, price: 1}]\n"},
                 {"etc/parts/staff.yaml", "[{name: Ann}]"}}));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  EXPECT_THAT(parsed.state.tenants.front().menu, SizeIs(1));
  EXPECT_THAT(parsed.state.tenants.front().staff, SizeIs(1));
}

TEST(DesiredStateYamlTest, PointsIntoTheFileThatIsWrong) {
  const ParsedState parsed = parse(tenant_document("    menu_file: menu.yaml\n"),
                                   {{"menu.yaml", "menu:\n  - name: Soup\n    price: 1.999\n"}});

  EXPECT_THAT(lines_of(parsed), ElementsAre(HasSubstr("menu.yaml:3:12: menu[0].price: found "
                                                      "'1.999'")));
}

TEST(DesiredStateYamlTest, RefusesFilesThatAreMissingOutsideOrDoubled) {
  EXPECT_THAT(first_problem(tenant_document("    menu_file: menu.yaml\n")),
              HasSubstr("tenants[0].menu_file: found no file that can be read: cannot read "
                        "'menu.yaml'"));
  EXPECT_THAT(first_problem(tenant_document("    menu_file: ../menu.yaml\n")),
              HasSubstr("without '..'"));
  EXPECT_THAT(first_problem(tenant_document("    menu_file: /etc/passwd\n")),
              HasSubstr("relative to this file"));
  EXPECT_THAT(first_problem(tenant_document("    menu: []\n    menu_file: menu.yaml\n")),
              HasSubstr("found both 'menu' and 'menu_file'"));
}

TEST(DesiredStateYamlTest, PutsTheDocumentsFolderBeforeRelativePaths) {
  const ParsedState parsed = parse_desired_state(
      {{"etc/platform.yaml", platform_document("  ultravox: {api_key_file: keys/ultravox}\n")}},
      nullptr);

  EXPECT_EQ(parsed.state.platform.ultravox.api_key_file, "etc/keys/ultravox");
  EXPECT_EQ(with_absolute_paths(parsed.state, "/home/ann").platform.ultravox.api_key_file,
            "/home/ann/etc/keys/ultravox");
}

TEST(DesiredStateYamlTest, SaysWhereAQuoteWasNeverClosed) {
  EXPECT_THAT(first_problem(tenant_document("    email: \"owner@acme.example\n    phone: 1\n")),
              HasSubstr("found no end of the quoted text that begins in or after line 6"));
}

TEST(DesiredStateYamlTest, SaysWhatIsNoYaml) {
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\ntenants: [\n"),
              HasSubstr("found no valid YAML"));
  EXPECT_THAT(first_problem("apiVersion: voicectl/v1\n\ttenants: []\n"),
              HasSubstr("platform.yaml:2"));
}

TEST(DesiredStateYamlTest, GivesJsonDocumentsTheirLinesToo) {
  EXPECT_THAT(first_problem("{\n  \"apiVersion\": \"voicectl/v1\",\n  \"tenants\": 5\n}"),
              HasSubstr("platform.yaml:3:14: tenants: found '5'; allowed is a list"));
}

TEST(DesiredStateYamlTest, ReadsOneTenantAndOnePlatformAlone) {
  EXPECT_EQ(parse_tenant("{slug: acme, name: Acme, business_type: custom}")->name, "Acme");
  EXPECT_EQ(parse_platform("domain: a.example")->domain, "a.example");

  const Result<TenantSpec> refused = parse_tenant("{slug: acme}");
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr("cannot use this tenant: "));
  EXPECT_TRUE(parse_platform("domain: [").has_error());
  EXPECT_TRUE(parse_platform("").has_error());
}

}  // namespace
}  // namespace voicectl
