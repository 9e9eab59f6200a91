// SPDX-License-Identifier: Apache-2.0
// `voicectl top` where nobody looks on.
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::Not;

class TopCommandTest : public CliTest {
 protected:
  TopCommandTest() {
    daemon_.answer("GET /v1/version", Json{{"version", "0.1.0"}});
    daemon_.answer("GET /v1/status", Json{{"platform", {{"domain", "qastco.com"}}}});
    daemon_.answer("GET /v1/tenants",
                   Json{{"tenants",
                         {a_tenant("acme", "shared-0", 10, 5), a_tenant("beta", "shared-1", 20, 1),
                          a_tenant("zeta", "shared-0", 30, 2)}}});
    daemon_.answer("GET /v1/instances",
                   Json{{"instances",
                         {{{"instance", "shared-0"}, {"tenant_names", {"acme", "zeta"}}},
                          {{"instance", "shared-1"}, {"tenant_names", {"beta"}}}}}});
  }
  static Json a_tenant(const char* name, const char* instance, int cpu, int sessions) {
    return {{"tenant", name}, {"instance", instance}, {"cpu_milli", cpu}, {"sessions", sessions}};
  }
  /// Where the line that begins with that word is in what was printed.
  std::size_t place_of(const std::string& word) const { return ("\n" + out()).find("\n" + word); }
};

TEST_F(TopCommandTest, PrintsEveryColumnBusiestFirst) {
  EXPECT_EQ(run({"top", "--plain"}), ExitCode::kOk) << err();

  EXPECT_THAT(out(), HasSubstr("voicectl top   qastco.com"));
  EXPECT_THAT(out(), HasSubstr("SOCKETS    REQ/S EVENTS/S       P99     MEMORY     CPU"));
  EXPECT_LT(place_of("zeta"), place_of("beta"));
  EXPECT_LT(place_of("beta"), place_of("acme"));
}

TEST_F(TopCommandTest, SortsAndFiltersAsAsked) {
  EXPECT_EQ(run({"top", "--sort", "sessions", "--filter", "shared-0"}), ExitCode::kOk) << err();

  EXPECT_LT(place_of("acme"), place_of("zeta"));
  EXPECT_THAT(out(), Not(HasSubstr("beta")));
  EXPECT_THAT(out(), Not(HasSubstr("shared-1")));
  EXPECT_EQ(run({"top", "--sort", "colour"}), ExitCode::kUsage);
}

TEST_F(TopCommandTest, PrintsADocumentOfThemInTheirOrder) {
  EXPECT_EQ(run({"top", "-o", "json", "--sort", "name", "--filter", "eta"}), ExitCode::kOk);

  const Json document = Json::parse(out());
  ASSERT_EQ(document["tenants"].size(), 2U);
  EXPECT_EQ(document["tenants"][0]["tenant"], "beta");
  EXPECT_EQ(document["tenants"][1]["cpu_milli"], 30);
  EXPECT_EQ(document["instances"].size(), 2U) << "both have a tenant of that name";
  EXPECT_EQ(document["status"]["platform"]["domain"], "qastco.com");
}

TEST_F(TopCommandTest, PrintsNoHalfDocument) {
  daemon_.answers["GET /v1/tenants"] = {Error(ErrorCode::kUnavailable, "cannot reach it")};

  EXPECT_EQ(run({"top", "-o", "json"}), ExitCode::kDaemonUnavailable);
  EXPECT_EQ(out(), "");

  EXPECT_EQ(run({"top", "--plain"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("cannot reach it")) << "who watches looks again";
}

TEST_F(TopCommandTest, LooksAsOftenAsAsked) {
  EXPECT_EQ(run({"top", "-n", "3"}), ExitCode::kOk);

  std::size_t looks = 0;
  for (const FakeDaemon::Question& asked : daemon_.questions) {
    looks += asked.target == "/v1/tenants" ? 1 : 0;
  }
  EXPECT_EQ(looks, 3U);
}

}  // namespace
}  // namespace voicectl
