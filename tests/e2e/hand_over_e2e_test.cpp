// SPDX-License-Identifier: Apache-2.0
// A tenant is promoted and demoted while its callers go on, through real nginx.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <sstream>

#include "tests/e2e/callers.h"
#include "tests/e2e/forecasts.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;

/// Exit code of who was too early or too late.
constexpr int kConflict = 4;

using HandOverE2e = CallersE2e;

TEST_F(HandOverE2e, PromotingAndDemotingUnderTrafficLosesNothing) {
  constexpr std::size_t kConnections = 200;
  const json edge = platform.voicectl_json({"status"})["edge"];
  Running callers(load(kConnections, 8, 800));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  for (int i = 0; i < 5; ++i) {
    promote();
    demote();
  }

  expect_whole(callers.finish(), kConnections);
  const json after = platform.voicectl_json({"status"})["edge"];
  EXPECT_EQ(after["reloads"], edge["reloads"]);
  EXPECT_EQ(after["pid"], edge["pid"]);
  const json forecasts = platform.voicectl_json({"forecast", "list"})["forecasts"];
  for (int i = 0; i < 10; ++i) {
    expect_counts_as_forecast(forecasts[static_cast<std::size_t>(i)], {"websockets_moved"});
    EXPECT_EQ(forecasts[static_cast<std::size_t>(i)]["outcome"].value("websockets_moved", 0U),
              kConnections);
  }
  const Finished events = platform.voicectl({"events"});
  EXPECT_THAT(events.out, HasSubstr("tenant.handed_over"));
  EXPECT_THAT(events.out, ::testing::Not(HasSubstr("tenant.not_handed_over")));
}

TEST_F(HandOverE2e, TwoThousandConnectionsMove) {
  constexpr std::size_t kConnections = 2000;
  Running callers(load(kConnections, 6, 2000));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  promote();
  demote();

  expect_whole(callers.finish(), kConnections);
}

TEST_F(HandOverE2e, ATenantMovesWithinThePoolUnderTrafficAndStaysThere) {
  constexpr std::size_t kConnections = 100;
  platform.set_pool_size(2);
  const std::string file = platform.write_file(busy_tenant());
  expect_ok({"apply", "-f", file, "--yes"});
  Running callers(load(kConnections, 12, 400));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  // Live sessions are sampled every few seconds.
  while (platform.voicectl_json({"tenant", "show", "busy"})["sessions"] == 0) {
  }
  const Finished migrated = platform.voicectl(
      {"session", "migrate", "--tenant", "busy", "--to", "shared-1", "--yes", "-o", "json"});
  EXPECT_EQ(migrated.code, 0) << migrated.out << migrated.err;
  EXPECT_THAT(migrated.err, HasSubstr("busy: copying connections"));
  const json move = json::parse(migrated.out, nullptr, false)["moves"][0];
  EXPECT_EQ(move["outcome"], "moved");
  EXPECT_EQ(move["to"], "shared-1");
  EXPECT_GE(move["websockets"], kConnections);
  EXPECT_GT(move["pause_us"], 0);
  expect_ok({"tenant", "move", "busy", "--yes"});
  expect_ok({"tenant", "move", "busy", "--to", "shared-1", "--yes"});
  expect_ok({"tenant", "move", "busy", "--to", "shared-1", "--yes"});  // there already
  expect_ok({"apply", "-f", file, "--yes"});

  expect_whole(callers.finish(), kConnections);
  EXPECT_EQ(platform.voicectl_json({"tenant", "show", "busy"})["instance"], "shared-1");
  EXPECT_NE(platform.voicectl({"tenant", "move", "busy", "--to", "shared-9", "--yes"}).code, 0);
  // Three tenants on the one, one on the other.
  const Finished evened = platform.voicectl({"pool", "rebalance", "--dry-run"});
  EXPECT_EQ(evened.code, 0) << evened.err;
}

TEST_F(HandOverE2e, AnInstanceIsReplacedUnderTraffic) {
  constexpr std::size_t kConnections = 100;
  Running callers(load(kConnections, 5, 400));
  ASSERT_TRUE(callers.wait_for_err("ready"));
  const int before = platform.pid_of_instance("shared-0");

  const Finished restarted =
      platform.voicectl({"instance", "restart", "shared-0", "--one-by-one", "--yes"});
  EXPECT_EQ(restarted.code, 0) << restarted.out << restarted.err;
  EXPECT_THAT(restarted.out, HasSubstr("stood still for"));

  expect_whole(callers.finish(), kConnections);
  EXPECT_FALSE(is_alive(before));
  EXPECT_NE(platform.pid_of_instance("shared-1"), before);
}

TEST_F(HandOverE2e, ADaemonThatDiesMeanwhileCostsNothing) {
  constexpr std::size_t kConnections = 50;
  Running callers(load(kConnections, 8, 200));
  ASSERT_TRUE(callers.wait_for_err("ready"));

  std::string_view direction = "promote";
  for (int i = 0; i < 3; ++i) {
    const int daemon = platform.pid_of_daemon();
    std::unique_ptr<Running> promotion;
    do {
      promotion = std::make_unique<Running>(std::vector<std::string>{
          Platform::bin("voicectl"), "--socket", platform.run_folder() + "/control.sock", "tenant",
          std::string(direction), "busy", "--yes", "-o", "json"});
      // Then its intent is in the journal, and the instances are asked.
      if (promotion->wait_for_out("\"lend_listener\"")) {
        break;
      }
      // The daemon that has just started may still be at what the one before has left, or may have
      // left the tenant where this would bring it.
      const Finished none = promotion->finish();
      ASSERT_THAT(none.code, ::testing::AnyOf(0, kConflict)) << none.out << none.err;
      if (none.code == 0) {
        direction = direction == "promote" ? "demote" : "promote";
      }
    } while (true);
    direction = direction == "promote" ? "demote" : "promote";
    ASSERT_EQ(::kill(daemon, SIGKILL), 0);
    ASSERT_TRUE(wait_for_end(daemon));
    (void)promotion->finish();  // it may have come through or not
    platform.restart_daemon();
  }

  expect_whole(callers.finish(), kConnections);
  // At least one of the three died in the middle of it: otherwise this has shown nothing.
  const Finished events = platform.voicectl({"events", "-o", "json"});
  std::istringstream lines(events.out);
  int examined = 0;
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line, nullptr, false);
    if (event.is_object() && event.value("name", "") == "daemon.started") {
      examined += event["detail"].value("open_intents", 0);
    }
  }
  EXPECT_GT(examined, 0) << events.out;
}

}  // namespace
}  // namespace voicectl::e2e
