// SPDX-License-Identifier: Apache-2.0
// The built programs with a tenant whose orders go to ERPNext: the stand-in for it, as on a laptop.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
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

  /// As /dev/faults takes it: "mute", "off".
  void set_fault(const std::string& word) const {
    const Finished set = run({"/usr/bin/curl", "-sf", "-d", json{{"status", word}}.dump(),
                              fmt::format("http://127.0.0.1:{}/dev/faults", site_port)});
    EXPECT_EQ(set.code, 0) << set.out << set.err;
  }
  /// How many orders are at the site.
  std::size_t orders_at_site() const {
    const Finished told =
        run({"/usr/bin/curl", "-sf", fmt::format("http://127.0.0.1:{}/dev/documents", site_port)});
    const json documents = json::parse(told.out, nullptr, false);
    return documents.is_object() ? documents.value("Voice Restaurant Order", json()).size() : 0;
  }
  /// How often the session says it.
  std::size_t told_in(const std::string& session, const std::string& event) const {
    const std::string text = platform.voicectl({"session", "show", session, "-o", "json"}).out;
    const std::string wanted = "\"type\": \"" + event + "\"";
    std::size_t count = 0;
    for (std::size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + 1)) {
      ++count;
    }
    return count;
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

TEST_F(ErpnextE2e, AnInstanceThatIsKilledBetweenTheSitesWriteAndOurNoteOfItOrdersOnce) {
  constexpr int kMostLooks = 3000;
  platform.write_file(restaurant("luigi", "served"));
  platform.up();
  for (std::size_t round = 1; round <= 3; ++round) {
    // The site does what it is asked, and nobody learns of it.
    set_fault("mute");
    const std::string session = platform.call("luigi").value("session_id", "");
    for (int i = 0; i < kMostLooks && orders_at_site() < round; ++i) {
    }
    ASSERT_EQ(orders_at_site(), round);
    ASSERT_EQ(told_in(session, "order.created"), 0U);

    const int pid = platform.pid_of_instance("shared-0");
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(wait_for_end(pid));
    set_fault("off");
    for (int i = 0; i < kMostLooks && told_in(session, "order.created") == 0; ++i) {
    }

    EXPECT_EQ(told_in(session, "order.created"), 1U)
        << platform.voicectl({"session", "show", session, "-o", "json"}).out;
    EXPECT_EQ(orders_at_site(), round);
  }
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
