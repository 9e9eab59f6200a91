// SPDX-License-Identifier: Apache-2.0
// Static mode: one server block per tenant, and a reload for each change of who there is, and for
// nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/forecasts.h"
#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class StaticEdgeE2e : public ::testing::Test {
 protected:
  StaticEdgeE2e() { platform.set_edge_mode("static"); }

  json edge() { return platform.voicectl_json({"status"})["edge"]; }
  std::string configuration() {
    std::ifstream file(platform.run_folder() + "/edge/nginx.conf");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void expect_answers(const std::string& tenant, const std::string& status) {
    const Finished asked =
        run(platform.load_command(tenant, 0.2, {"--parallel", "1", "--expect", status}));
    EXPECT_EQ(asked.code, 0) << tenant << ": " << asked.out << asked.err;
  }

  Platform platform;
};

TEST_F(StaticEdgeE2e, ServesEveryTenantInAServerBlockOfItsOwn) {
  platform.up();

  EXPECT_EQ(edge().value("mode", ""), "static");
  EXPECT_THAT(configuration(), HasSubstr("server_name mario-pizza.qastco.com;"));
  const json order = platform.call("mario-pizza");
  EXPECT_THAT(order["events"].get<std::vector<std::string>>(), Contains("order.created"));
  expect_answers("dr-smith", "200");
  expect_answers("nobody", "404");
}

TEST_F(StaticEdgeE2e, ReloadsOnceForAChangeOfTenantsHoweverMany) {
  platform.up();
  const json before = edge();
  const std::string more = platform.write_file(Platform::small_restaurant("soup-kitchen") +
                                               Platform::small_restaurant("noodle-bar"));

  const Finished added = platform.voicectl({"apply", "-f", more, "--yes"});

  ASSERT_EQ(added.code, 0) << added.out << added.err;
  EXPECT_EQ(edge().value("reloads", -1), before.value("reloads", -1) + 1);
  const json forecast = platform.voicectl_json({"forecast", "list"})["forecasts"][0];
  EXPECT_EQ(forecast["forecast"].value("edge_reloads", -1), 1);
  expect_counts_as_forecast(forecast);
  EXPECT_EQ(edge()["pid"], before["pid"]);
  expect_answers("soup-kitchen", "200");
  expect_answers("noodle-bar", "200");

  const Finished removed =
      platform.voicectl({"apply", "-f", platform.write_file(), "--yes", "--allow-delete=2"});

  ASSERT_EQ(removed.code, 0) << removed.out << removed.err;
  EXPECT_EQ(edge().value("reloads", -1), before.value("reloads", -1) + 2);
  expect_answers("soup-kitchen", "404");
  expect_answers("mario-pizza", "200");
  EXPECT_THAT(configuration(), Not(HasSubstr("noodle-bar")));
}

TEST_F(StaticEdgeE2e, ReloadsForNoOtherEventOfATenant) {
  platform.up();
  // What the daemon asks through the edge by itself is counted too, whenever it does.
  const auto edge_itself = [this] {
    json out = edge();
    out.erase("probes");
    return out;
  };
  const json before = edge_itself();

  const Finished promoted = platform.voicectl({"tenant", "promote", "mario-pizza", "--yes"});
  ASSERT_EQ(promoted.code, 0) << promoted.out << promoted.err;
  const int pid = platform.pid_of_instance("dedicated-mario-pizza");
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(pid));

  expect_answers("mario-pizza", "200");
  EXPECT_EQ(edge_itself(), before);
}

}  // namespace
}  // namespace voicectl::e2e
