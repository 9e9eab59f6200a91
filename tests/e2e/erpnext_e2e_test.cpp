// SPDX-License-Identifier: Apache-2.0
// The built programs with a tenant whose orders go to ERPNext: the stand-in for it, as on a laptop.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

class ErpnextE2e : public ::testing::Test {
 protected:
  ErpnextE2e() {
    std::ofstream(platform.path("erp.credentials"))
        << "own-key:own-canary\nwebhook hook-canary\ndirect tool-key:tool-canary\n";
    platform.set_platform_line("backend_networks: [127.0.0.1]");
    site.emplace(std::vector<std::string>{Platform::bin("voicectl-erpnext-standin"), "--listen",
                                          fmt::format("127.0.0.1:{}", site_port),
                                          "--credentials-file", platform.path("erp.credentials")});
  }

  std::string restaurant(const std::string& slug, const std::string& mode) const {
    return Platform::small_restaurant(
        slug, fmt::format(", backend: {{ kind: erpnext, mode: {}, url: \"http://127.0.0.1:{}\", "
                          "company: \"{}\", credentials_file: \"{}\", time_zone: Asia/Kolkata }}",
                          mode, site_port, slug, platform.path("erp.credentials")));
  }
  /// Shows the session until it says `what`; the last of what it said.
  std::string shown(const std::string& session, const std::string& what) const {
    Finished show;
    for (int i = 0; i < 200 && show.out.find(what) == std::string::npos; ++i) {
      show = platform.voicectl({"session", "show", session, "-o", "json"});
    }
    return show.out;
  }

  Platform platform;
  int site_port = free_port();
  std::optional<Running> site;
};

TEST_F(ErpnextE2e, TakesOrdersForATenantWhoseToolsAreServedHere) {
  platform.write_file(restaurant("luigi", "served"));
  platform.up();

  const json call = platform.call("luigi");

  EXPECT_TRUE(call.value("numbers_are_whole", false)) << call.dump();
  EXPECT_THAT(shown(call.value("session_id", ""), "DOC-00001"), HasSubstr("order.created"));
}

TEST_F(ErpnextE2e, LearnsOfOrdersThatTheAgentPlacedAtTheSiteItself) {
  platform.write_file(restaurant("luigi", "direct"));
  platform.up();

  const json call = platform.call("luigi");

  EXPECT_THAT(shown(call.value("session_id", ""), "order.created"), HasSubstr("DOC-0000"));
  const Finished leaked =
      run({"grep", "-rlE", "own-canary|tool-canary|hook-canary", platform.workspace() + "/log"});
  EXPECT_NE(leaked.code, 0) << leaked.out;
}

TEST_F(ErpnextE2e, IsRefusedByNameWhereThePlatformAllowsNoSuchAddress) {
  platform.set_platform_line("backend_networks: [10.0.0.0/8]");
  const std::string file = platform.write_file(restaurant("luigi", "served"));

  const Finished checked = run({Platform::bin("voicectl"), "validate", "-f", file});

  EXPECT_EQ(checked.code, 1) << checked.out;
  EXPECT_THAT(checked.out + checked.err, HasSubstr("backend.url: found the address 127.0.0.1"));
}

}  // namespace
}  // namespace voicectl::e2e
