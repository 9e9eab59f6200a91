// SPDX-License-Identifier: Apache-2.0
// Effects that were given up are made known to whoever watches the daemon.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/sim/provisioner/daemon/monitor_world.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OutboxWatchSim : public MonitorSim {
 protected:
  OutboxWatchSim() {
    apply(platform_with({"alpha", "beta"}));
    machine.instances.on_request =
        [this](const std::string& instance,
               const control::Message& question) -> std::optional<Result<std::string>> {
      if (question.type != control::request::kStats) {
        return std::nullopt;
      }
      const auto told = dead_.find(instance == holders("alpha").front() ? "alpha" : "beta");
      Json tenant = {{"tenant", instance == holders("alpha").front() ? "alpha" : "beta"}};
      if (told != dead_.end()) {
        tenant["outbox_dead"] = told->second;
      }
      return Result<std::string>(dump_json({{"tenants", Json::array({tenant})}}));
    };
  }

  void give_up(const std::string& tenant, std::uint64_t count, std::uint64_t entry, int given_up) {
    dead_[tenant] = {{"count", count},
                     {"entry", entry},
                     {"kind", "erpnext.place_order"},
                     {"given_up", given_up}};
    machine.sim.advance(11s);
  }
  /// The entries of the events so far, as "alpha 7".
  std::vector<std::string> told_of() const {
    std::vector<std::string> out;
    for (const EventRecord& event : machine.registry->events) {
      if (event.name == "outbox.dead") {
        out.push_back(event.subject.substr(7) + " " +
                      std::to_string(integer_or(*parse_json(event.detail), "entry", 0)));
      }
    }
    return out;
  }

  std::map<std::string, Json> dead_;
};

TEST_F(OutboxWatchSim, EachDeathIsToldOnce) {
  machine.sim.advance(30s);
  EXPECT_THAT(told_of(), IsEmpty());

  give_up("alpha", 1, 7, 1);
  give_up("alpha", 1, 7, 1);
  EXPECT_THAT(told_of(), ElementsAre("alpha 7"));
  EXPECT_THAT(metrics(), HasSubstr("voicectl_tenant_outbox_dead{tenant=\"alpha\"} 1\n"));
  EXPECT_THAT(metrics(), HasSubstr("voicectl_tenant_outbox_dead{tenant=\"beta\"} 0\n"));

  give_up("alpha", 2, 9, 2);
  give_up("beta", 1, 3, 1);
  EXPECT_THAT(told_of(), ElementsAre("alpha 7", "alpha 9", "beta 3"));
  const Json detail = *parse_json(machine.registry->events.back().detail);
  EXPECT_EQ(detail, Json({{"dead", 1}, {"entry", 3}, {"kind", "erpnext.place_order"}}));
}

TEST_F(OutboxWatchSim, OneThatIsRetriedAndGivenUpAgainIsToldAgain) {
  give_up("alpha", 1, 7, 1);
  dead_.clear();
  machine.sim.advance(11s);
  EXPECT_THAT(metrics(), HasSubstr("voicectl_tenant_outbox_dead{tenant=\"alpha\"} 0\n"));

  give_up("alpha", 1, 7, 2);

  EXPECT_THAT(told_of(), ElementsAre("alpha 7", "alpha 7"));
}

TEST_F(OutboxWatchSim, SoItIsIfAnotherProcessGivesItUpWhichCountsFromTheBeginning) {
  give_up("alpha", 1, 7, 1);
  dead_.clear();
  machine.sim.advance(11s);

  give_up("alpha", 1, 7, 1);

  EXPECT_THAT(told_of(), ElementsAre("alpha 7", "alpha 7"));
}

TEST_F(OutboxWatchSim, WhatWasToldIsNotToldAgainAfterARestartOfInstanceOrDaemon) {
  give_up("alpha", 2, 9, 2);

  give_up("alpha", 1, 5, 0);  // another process reads them page by page
  give_up("alpha", 2, 9, 0);
  EXPECT_THAT(told_of(), ElementsAre("alpha 9"));
  restart_daemon();
  machine.sim.advance(30s);
  EXPECT_THAT(told_of(), ElementsAre("alpha 9"));

  give_up("alpha", 3, 10, 1);
  EXPECT_THAT(told_of(), ElementsAre("alpha 9", "alpha 10"));
}

TEST_F(OutboxWatchSim, WhatWasGivenUpWhileNoDaemonWasThereIsTold) {
  kill_daemon_and_watch();
  dead_["alpha"] = {{"count", 1}, {"entry", 4}, {"kind", "ultravox.hang_up"}, {"given_up", 1}};
  start_daemon();
  watch();
  machine.sim.advance(30s);

  EXPECT_THAT(told_of(), ElementsAre("alpha 4"));
}

}  // namespace
}  // namespace voicectl
