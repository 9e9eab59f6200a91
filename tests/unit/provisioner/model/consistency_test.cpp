// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ConsistencyTest, KeepsPortsOutOfTheKernelsOwnRange) {
  EXPECT_THAT(first_problem(platform_document("  ports: {range: 30000-33000}\n")),
              HasSubstr("overlaps the ports 32768-60999"));
  EXPECT_THAT(first_problem(platform_document("  ports: {range: 60999-65000}\n")),
              HasSubstr("overlaps"));
  EXPECT_EQ(first_problem(platform_document("  ports: {range: 61000-65000}\n")), "");
  EXPECT_EQ(first_problem(platform_document("  ports: {range: 20000-32767}\n")), "");
}

TEST(ConsistencyTest, KeepsPortsAwayFromTheEdge) {
  EXPECT_THAT(first_problem(platform_document("  ports: {range: 8000-9000}\n")),
              HasSubstr("contains the edge's port 8080"));
  EXPECT_EQ(first_problem(platform_document("  edge: {mode: none}\n  ports: {range: 8000-9000}\n")),
            "");
}

TEST(ConsistencyTest, RefusesRangesThatAreNone) {
  for (const char* range :
       {"21000", "21999-21000", "0-5", "21000-70000", "a-b", "21000-", "80-90"}) {
    EXPECT_THAT(
        first_problem(platform_document("  ports: {range: \"" + std::string(range) + "\"}\n")),
        HasSubstr("platform.ports.range: found "))
        << range;
  }
}

TEST(ConsistencyTest, NeedsAPortForEachTenantAndInstance) {
  const std::string tenants =
      "tenants:\n"
      "  - {slug: a, name: A, business_type: custom, tier: dedicated}\n"
      "  - {slug: b, name: B, business_type: custom}\n";

  EXPECT_THAT(first_problem(platform_document("  ports: {range: 21000-21002}\n") + tenants),
              HasSubstr("found a range of 3 ports; 2 tenants, 1 of them dedicated, and 1 shared "
                        "instances need 4"));
  EXPECT_EQ(first_problem(platform_document("  ports: {range: 21000-21003}\n") + tenants), "");
}

TEST(ConsistencyTest, GivesTheEdgeTwoPorts) {
  EXPECT_THAT(first_problem(platform_document("  edge: {http_port: 8443}\n")),
              HasSubstr("found port 8443 for both"));
}

TEST(ConsistencyTest, AsksRedisForItsAddress) {
  EXPECT_THAT(first_problem(platform_document("  store: {kind: redis}\n")),
              HasSubstr("platform.store.redis_url: found no address"));
}

TEST(ConsistencyTest, RefusesCredentialsInAddresses) {
  EXPECT_THAT(first_problem(platform_document("  store: {kind: redis, redis_url: "
                                              "\"redis://:hunter2@127.0.0.1\"}\n")),
              HasSubstr("without credentials"));
}

TEST(ConsistencyTest, RefusesABackendThatWouldReachIntoThePlatform) {
  for (const char* const url :
       {"http://127.0.0.1:9090", "http://169.254.169.254/latest/meta-data", "http://10.1.2.3",
        "http://[::1]:8000", "http://[::ffff:127.0.0.1]/x", "https://192.168.0.7"}) {
    EXPECT_THAT(first_problem(tenant_document(std::string("    backend: {kind: erpnext, url: \"") +
                                              url + "\", credentials_file: /etc/erp}\n")),
                AllOf(HasSubstr("tenants[0].backend.url: found the address"),
                      HasSubstr("platform.backend_networks")))
        << url;
  }
}

TEST(ConsistencyTest, AllowsABackendInANetworkThatThePlatformNames) {
  const std::string tenant = tenant_document(
      "    backend: {kind: erpnext, url: \"http://10.1.2.3\", credentials_file: /etc/erp}\n");

  EXPECT_THAT(lines_of(parse(tenant + "platform: {backend_networks: [10.0.0.0/8]}\n")), IsEmpty());
  EXPECT_THAT(lines_of(parse(tenant + "platform: {backend_networks: [10.2.0.0/16]}\n")), SizeIs(1));
}

TEST(ConsistencyTest, DirectModeNeedsASiteThatTheVoiceServiceReachesInSecret) {
  const auto with_url = [](const std::string& url) {
    return tenant_document("    backend: {kind: erpnext, mode: direct, url: \"" + url +
                           "\", credentials_file: /etc/erp}\n");
  };
  const std::string office = "platform: {backend_networks: [10.0.0.0/8]}\n";
  const std::string laptop =
      "platform: {backend_networks: [127.0.0.1], ultravox: {endpoint: "
      "\"http://127.0.0.1:4100/api\"}}"
      "\n";

  EXPECT_THAT(first_problem(with_url("http://erp.example.com")), HasSubstr("in clear"));
  EXPECT_THAT(first_problem(with_url("https://10.0.0.5") + office), HasSubstr("cannot reach"));
  EXPECT_EQ(first_problem(with_url("https://erp.example.com")), "");
  EXPECT_EQ(first_problem(with_url("http://127.0.0.1:8000") + laptop), "");
}

TEST(ConsistencyTest, ReadsAStoredStateThatIsOlderThanARule) {
  const std::string kept = tenant_document(
      "    backend: {kind: erpnext, url: \"http://10.1.2.3\", credentials_file: /etc/erp}\n");

  EXPECT_TRUE(
      parse_desired_state({SourceText{"registry", kept}}, nullptr, kOwnDocumentBudget).ok());
}

TEST(ConsistencyTest, RefusesSettingsOfASiteWhereThereIsNone) {
  const ParsedState parsed = parse(tenant_document(
      "    backend: {kind: builtin, mode: direct, site: erp.example.com, time_zone: UTC}\n"));

  EXPECT_THAT(lines_of(parsed), ElementsAre(HasSubstr("tenants[0].backend.mode: found 'direct'"),
                                            HasSubstr("tenants[0].backend.site"),
                                            HasSubstr("tenants[0].backend.time_zone")));
}

TEST(ConsistencyTest, AsksErpnextForAddressAndCredentials) {
  const ParsedState parsed = parse(tenant_document("    backend: {kind: erpnext}\n"));

  EXPECT_THAT(lines_of(parsed), ElementsAre(HasSubstr("tenants[0].backend.url"),
                                            HasSubstr("tenants[0].backend.credentials_file")));
}

TEST(ConsistencyTest, AsksEachBusinessForWhatItOffers) {
  const auto of_type = [](const std::string& type) {
    return lines_of(
        parse("apiVersion: voicectl/v1\ntenants:\n  - {slug: a, name: A, "
              "business_type: " +
              type + "}\n"));
  };

  EXPECT_THAT(of_type("restaurant"), ElementsAre(HasSubstr("tenants[0].menu: found nothing")));
  EXPECT_THAT(of_type("appointment"),
              ElementsAre(HasSubstr("tenants[0].services"), HasSubstr("tenants[0].opening_hours")));
  EXPECT_THAT(of_type("support"), ElementsAre(HasSubstr("tenants[0].support_categories")));
}

TEST(ConsistencyTest, DoesNotMissWhatWasThereButWrong) {
  const ParsedState parsed = parse(R"(apiVersion: voicectl/v1
tenants:
  - slug: a
    name: A
    business_type: restaurant
    menu_file: nowhere.yaml
)");

  EXPECT_THAT(lines_of(parsed), ElementsAre(HasSubstr("found no file that can be read")));
}

TEST(ConsistencyTest, NamesBothPlacesOfADomainThatStandsTwice) {
  const ParsedState parsed = parse(R"(apiVersion: voicectl/v1
tenants:
  - {slug: a, name: A, business_type: custom, domains: [orders.example.com]}
  - {slug: b, name: B, business_type: custom, domains: [orders.example.com]}
)");

  EXPECT_THAT(lines_of(parsed),
              ElementsAre(HasSubstr("platform.yaml:4:57: tenants[1].domains[0]: found the domain "
                                    "'orders.example.com' a second time; the first is at "
                                    "platform.yaml:3")));
}

TEST(ConsistencyTest, RefusesDomainsOfThePlatformItself) {
  const std::string platform = platform_document("  domain: qastco.com\n");
  const std::string tenant = "tenants:\n  - {slug: a, name: A, business_type: custom, domains: [";

  EXPECT_THAT(first_problem(platform + tenant + "b.qastco.com]}\n"),
              HasSubstr("lies under the platform's own domain 'qastco.com'"));
  EXPECT_THAT(first_problem(platform + tenant + "qastco.com]}\n"), HasSubstr("lies under"));
  EXPECT_EQ(first_problem(platform + tenant + "notqastco.com]}\n"), "");
}

TEST(ConsistencyTest, RefusesItemsThatSoundTheSame) {
  EXPECT_THAT(first_problem(tenant_document("    menu:\n      - {name: Soup, price: 1}\n"
                                            "      - {name: SOUP, price: 2}\n")),
              HasSubstr("tenants[0].menu[1]: found the name 'SOUP' a second time; the first is in "
                        "line 7"));
}

TEST(ConsistencyTest, RefusesMoreSessionsThanThePlanHas) {
  EXPECT_THAT(first_problem(tenant_document("    limits: {sessions_per_month: 101}\n")),
              HasSubstr("found 101 sessions per month; the plan 'starter' includes 100"));
}

TEST(ConsistencyTest, RefusesOpeningHoursThatCannotBe) {
  for (const char* hours : {"17:00-09:00", "09:00", "9-17", "09:60-10:00", "09:00-24:01",
                            "09:00-09:00", "[09:00-12:00, 11:00-13:00]", "open", "~", "{}", "24"}) {
    EXPECT_THAT(
        first_problem(tenant_document("    opening_hours: {monday: " + std::string(hours) + "}\n")),
        HasSubstr("tenants[0].opening_hours.monday"))
        << hours;
  }
  EXPECT_THAT(first_problem(tenant_document("    opening_hours: {mondy: closed}\n")),
              HasSubstr("did you mean 'monday'?"));
}

}  // namespace
}  // namespace voicectl
