// SPDX-License-Identifier: Apache-2.0
// Tenants are asked through the edge, and whoever does not answer is told of.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/provisioner/daemon/daemon_world.h"
#include "tests/sim/provisioner/daemon/sim_watch.h"
#include "tests/support/prometheus_text.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EdgeWatchSim : public DaemonWorld {
 protected:
  EdgeWatchSim() {
    machine.on_probe = [this](const ProbeTarget& target) -> Status {
      asked.push_back(target);
      return std::any_of(away.begin(), away.end(),
                         [&](const std::string& name) {
                           return target.url.find("//" + name + ".") != std::string::npos;
                         })
                 ? Status(Error(ErrorCode::kUnavailable, "cannot connect: refused"))
                 : ok_status();
    };
    watch_ = std::make_unique<SimWatch>(daemon());
    watch().begin();
  }
  ~EdgeWatchSim() override { watch_.reset(); }

  EdgeWatch& watch() { return watch_->watch.edge(); }
  std::vector<std::string> problems() { return watch_->problems(); }
  Json probes() { return watch_->status()["edge"]["probes"]; }
  std::string metrics() { return watch_->watch.metrics(); }
  std::size_t told(const std::string& event) {
    return static_cast<std::size_t>(
        std::count_if(machine.log_lines.begin(), machine.log_lines.end(),
                      [&](const std::string& line) { return line.find(event) != line.npos; }));
  }

  std::vector<ProbeTarget> asked;
  std::vector<std::string> away;

 private:
  std::unique_ptr<SimWatch> watch_;
};

TEST_F(EdgeWatchSim, AsksAsACallerDoesAndNoMoreThanOneASecond) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma"});
  apply(desired);
  asked.clear();

  machine.sim.advance(70s);

  ASSERT_GE(asked.size(), 3U);
  EXPECT_LE(asked.size(), 6U) << "each about once a minute";
  EXPECT_EQ(asked[0].url.substr(0, 8), "https://");
  EXPECT_THAT(asked[0].url, HasSubstr("." + desired.platform.domain + "/health"));
  EXPECT_EQ(asked[0].connect_to, "127.0.0.1:" + std::to_string(desired.platform.edge.https_port));
  EXPECT_EQ(watch().failed(), 0U);
}

TEST_F(EdgeWatchSim, WhoDoesNotAnswerSeveralTimesIsToldOfOnceAndAgainWhenItDoes) {
  apply(platform_with({"alpha", "beta"}));
  machine.sim.advance(120s);

  away = {"beta"};
  machine.sim.advance(300s);
  EXPECT_EQ(told("tenant.unreachable"), 1U);
  EXPECT_THAT(metrics(), HasSubstr("voicectl_tenant_reachable{tenant=\"beta\"} 0\n"));
  EXPECT_THAT(metrics(), HasSubstr("voicectl_tenant_reachable{tenant=\"alpha\"} 1\n"));
  EXPECT_THAT(problems_of_metrics(metrics()), IsEmpty());
  EXPECT_EQ(watch().seen().at(*TenantId::parse("beta")).why, "cannot connect: refused");

  away.clear();
  machine.sim.advance(60s);
  EXPECT_EQ(told("tenant.reachable"), 1U);
  EXPECT_THAT(metrics(), HasSubstr("voicectl_tenant_reachable{tenant=\"beta\"} 1\n"));
}

TEST_F(EdgeWatchSim, TheStatusTellsWhoDoesNotAnswerAndWhoTakesNoChanges) {
  apply(platform_with({"alpha", "beta"}));
  machine.sim.advance(120s);
  EXPECT_THAT(problems(), IsEmpty());

  away = {"beta"};
  machine.sim.advance(120s);
  EXPECT_THAT(problems(),
              ElementsAre(AllOf(HasSubstr("tenant 'beta' has not answered"),
                                HasSubstr("questions through the edge in a row: cannot connect"))));
  EXPECT_EQ(probes()["unreachable"], 1);
  EXPECT_GE(probes()["failed"], 3);

  machine.on_probe = [](const ProbeTarget&) {
    return Status(Error(ErrorCode::kConflict, "cannot call it well: answered with 503"));
  };
  machine.sim.advance(120s);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("tenant 'alpha', asked through the edge: it "
                                                "answers, and takes no changes (503)"),
                                      HasSubstr("tenant 'beta', asked through the edge")));
  EXPECT_EQ(probes()["unreachable"], 0);
}

TEST_F(EdgeWatchSim, HowPatientItIsIsSaidByThePlatform) {
  DesiredState desired = platform_with({"alpha"});
  desired.platform.edge.probe = {.interval = 10s, .misses = 5, .timeout = 2s};
  apply(desired);
  asked.clear();
  machine.sim.advance(100s);
  EXPECT_GE(asked.size(), 9U);

  away = {"alpha"};
  while (watch().seen().at(*TenantId::parse("alpha")).missed < 4) {
    machine.sim.advance(1s);
  }
  EXPECT_EQ(told("tenant.unreachable"), 0U);
  EXPECT_THAT(problems(), IsEmpty());
  machine.sim.advance(10s);
  EXPECT_EQ(told("tenant.unreachable"), 1U);
  EXPECT_EQ(watch().unreachable(), 1U);
}

TEST_F(EdgeWatchSim, OfManyTenantsWhoDoesNotAnswerIsToldOfWithinOneRound) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back(fmt::format("t{:03}", i));
  }
  apply(platform_with(names));
  machine.sim.advance(250s);
  ASSERT_EQ(watch().seen().size(), 200U);

  away = {"t042"};
  machine.sim.advance(220s);

  EXPECT_EQ(told("tenant.unreachable"), 1U);
  EXPECT_GE(watch().answered(), 400U) << "the others are still asked";
}

TEST_F(EdgeWatchSim, ManyWhoDoNotAnswerKeepNobodyElseFromBeingAsked) {
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) {
    names.push_back(fmt::format("t{:03}", i));
  }
  apply(platform_with(names));
  machine.sim.advance(120s);
  away.assign(names.begin(), names.begin() + 30);
  machine.sim.advance(120s);

  const std::uint64_t before = watch().answered();
  machine.sim.advance(120s);
  EXPECT_GE(watch().answered() - before, 20U);
}

TEST_F(EdgeWatchSim, AsksOnAfterItCouldNotAskAndHoldsThatAgainstNobody) {
  apply(platform_with({"alpha"}));
  const auto answers = machine.on_probe;
  machine.on_probe = [](const ProbeTarget&) {
    return Status(Error(ErrorCode::kResourceExhausted, "cannot ask: too few open files"));
  };
  machine.sim.advance(300s);
  EXPECT_EQ(told("tenant.unreachable"), 0U);
  EXPECT_EQ(watch().failed(), 0U);

  machine.on_probe = answers;
  const std::uint64_t before = watch().answered();
  machine.sim.advance(120s);
  EXPECT_GT(watch().answered(), before);
}

TEST_F(EdgeWatchSim, OneThatTakesNoChangesIsThere) {
  apply(platform_with({"alpha"}));
  machine.on_probe = [](const ProbeTarget&) {
    return Status(Error(ErrorCode::kConflict, "cannot call it well: answered with 503"));
  };
  machine.sim.advance(300s);

  EXPECT_EQ(told("tenant.unreachable"), 0U);
  EXPECT_EQ(watch().seen().at(*TenantId::parse("alpha")).why,
            "it answers, and takes no changes (503)");
}

TEST_F(EdgeWatchSim, TheEdgeIsAskedWhereItListens) {
  DesiredState desired = platform_with({"alpha"});
  for (const auto& [address, door] :
       {std::pair("0.0.0.0", "127.0.0.1:8443"), std::pair("::", "[::1]:8443"),
        std::pair("203.0.113.9", "203.0.113.9:8443"),
        std::pair("2001:db8::9", "[2001:db8::9]:8443")}) {
    desired.platform.edge.address = address;
    apply(desired);
    machine.sim.advance(120s);

    EXPECT_EQ(asked.back().connect_to, door);
  }
}

TEST_F(EdgeWatchSim, OneMissIsNoNews) {
  apply(platform_with({"alpha"}));
  machine.sim.advance(120s);
  for (int i = 0; i < 5; ++i) {
    away = {"alpha"};
    while (watch().seen().at(*TenantId::parse("alpha")).missed < 2) {
      machine.sim.advance(1s);
    }
    away.clear();
    machine.sim.advance(30s);
  }

  EXPECT_EQ(told("tenant.unreachable"), 0U);
}

TEST_F(EdgeWatchSim, ADeletedTenantIsForgotten) {
  apply(platform_with({"alpha", "beta"}));
  away = {"beta"};
  machine.sim.advance(300s);

  apply(platform_with({"alpha"}));
  machine.sim.advance(60s);

  EXPECT_EQ(watch().seen().size(), 1U);
  EXPECT_THAT(metrics(), ::testing::Not(HasSubstr("voicectl_tenant_reachable{tenant=\"beta\"}")));
}

}  // namespace
}  // namespace voicectl
