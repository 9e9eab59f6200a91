// SPDX-License-Identifier: Apache-2.0
// Daemon, instances and holder die in every combination and order: the tenants' listeners stay as
// long as one of them lives.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

enum class Victim { kDaemon, kInstances, kHolder };

class HolderSim : public DaemonWorld {
 protected:
  static TenantId tenant(const std::string& name) { return *TenantId::parse(name); }
  static std::string socket_of(const std::string& name) {
    return "/run/voicectl/tenants/" + name + ".sock";
  }
  Port port_of(const std::string& name) {
    return *machine.registry->recorded.tenants.at(tenant(name)).port;
  }
  void crash_instances() {
    for (const char* name : {"shared-0", "shared-1"}) {
      if (machine.instances.is_running(name)) {
        machine.instances.crash(name);
      }
    }
  }
  /// How often a tenant's socket was bound.
  auto binds_of(const std::string& name) {
    const std::vector<std::string>& binds = machine.network.binds();
    return std::count(binds.begin(), binds.end(), "unix:" + socket_of(name));
  }
  bool is_held(const std::string& name) {
    return machine.network.is_held(socket_of(name)) && machine.network.is_held(port_of(name));
  }
};

TEST_F(HolderSim, ListenersOutliveDaemonAndInstances) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);

  kill_daemon();
  crash_instances();
  machine.sim.settle();
  EXPECT_TRUE(is_held("alpha"));
  EXPECT_TRUE(is_held("beta"));
  start_daemon();

  expect_converged(desired);
  EXPECT_EQ(binds_of("alpha"), 1);
  EXPECT_EQ(binds_of("beta"), 1);
  EXPECT_EQ(machine.holder.starts(), 1);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("listeners.taken_back")));
}

TEST_F(HolderSim, AHolderThatDiesAloneIsReplacedAndFilled) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);

  machine.holder.crash();
  machine.sim.advance(1s);
  EXPECT_THAT(machine.holder.names(), ElementsAre("tenant/alpha", "tenant/beta"));
  kill_daemon();
  crash_instances();
  start_daemon();

  expect_converged(desired);
  EXPECT_EQ(binds_of("alpha"), 1);
}

TEST_F(HolderSim, InstancesBringTheListenersWhenHolderAndDaemonDieTogether) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);

  kill_daemon();
  machine.holder.crash();
  start_daemon();

  expect_converged(desired);
  EXPECT_EQ(binds_of("alpha"), 1);
  EXPECT_THAT(machine.holder.names(), ElementsAre("tenant/alpha", "tenant/beta"));
}

TEST_F(HolderSim, OfADeletedTenantNothingIsKept) {
  apply(platform_with({"alpha", "beta"}));

  apply(platform_with({"alpha"}));

  EXPECT_THAT(machine.holder.names(), ElementsAre("tenant/alpha"));
  EXPECT_FALSE(machine.network.is_held(socket_of("beta")));
}

TEST_F(HolderSim, WhatWasBoundAndNeverRecordedIsLetGo) {
  // Of a daemon that died between the bind and the record, and of a tenant that nobody asks for.
  const Port port = *Port::make(29999);
  {
    FakeListenerFactory factory(machine.network);
    const UniqueFd unix_listener = *factory.bind_unix(socket_of("ghost"), SocketAccess{});
    const UniqueFd tcp_listener = *factory.bind_tcp(port);
    daemon().descriptors.put("tenant/ghost", {unix_listener.get(), tcp_listener.get()});
    machine.sim.settle();
  }
  kill_daemon();
  ASSERT_TRUE(machine.network.is_held(port));

  start_daemon();

  EXPECT_THAT(machine.holder.names(), IsEmpty());
  EXPECT_FALSE(machine.network.is_held(port));
}

TEST_F(HolderSim, AMissingProgramCostsNothingButThePromise) {
  machine.processes.uninstall("/usr/lib/voicectl/voicectl-holder");
  machine.holder.crash();
  const DesiredState desired = platform_with({"alpha"});

  apply(desired);

  expect_converged(desired);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("listeners.not_kept")));
}

TEST_F(HolderSim, AnInstanceIsOfferedWhatTheOneBeforeLeftOpen) {
  apply(platform_with({"alpha", "beta"}));
  const std::string home = machine.instances.holders(tenant("alpha")).front();
  const auto said = [this](const std::string& what) {
    const auto& all = machine.hub.sent("/run/voicectl/holder.sock");
    return std::count(all.begin(), all.end(), what);
  };
  const auto asked = [&](const std::string& what) {
    const auto& all = machine.hub.sent("/run/voicectl/instances/" + home + "/control.sock");
    return std::count_if(all.begin(), all.end(), [&](const std::string& text) {
      return text.find(what) != std::string::npos;
    });
  };
  EXPECT_EQ(said("lane " + home), 1);
  EXPECT_EQ(said("allow " + home + " alpha"), 1);
  const auto given = said("give alpha");

  machine.instances.crash(home);
  machine.sim.advance(5s);

  EXPECT_EQ(said("lane " + home), 2) << "another process";
  EXPECT_EQ(said("allow " + home + " alpha"), 2);
  EXPECT_EQ(said("give alpha"), given + 1);
  EXPECT_GE(asked("\"recover\""), 2);
  machine.holder.crash();
  machine.sim.advance(5s);
  EXPECT_EQ(said("lane " + home), 3) << "another holder";
  EXPECT_EQ(said("allow " + home + " alpha"), 3);
  expect_converged(platform_with({"alpha", "beta"}));
}

TEST_F(HolderSim, WhatWasRecoveredIsTold) {
  apply(platform_with({"alpha"}));
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type != control::request::kLend) {
      return std::nullopt;
    }
    return Result<std::string>(R"({"recovered":7,"doubtful":{"reading":1}})");
  };

  machine.instances.crash(machine.instances.holders(tenant("alpha")).front());
  machine.sim.advance(5s);

  EXPECT_THAT(machine.log_lines,
              Contains(::testing::AllOf(HasSubstr("instance.recovered"), HasSubstr("reading"))));
}

struct Order {
  std::vector<Victim> victims;
  /// Whether everything comes to rest between two deaths.
  bool has_pauses = false;
};

class DeathOrders : public HolderSim, public ::testing::WithParamInterface<Order> {};

TEST_P(DeathOrders, KeepListenersAsLongAsAnybodyLives) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  bool has_daemon = true;
  bool was_lost = false;

  for (const Victim victim : GetParam().victims) {
    switch (victim) {
      case Victim::kDaemon:
        kill_daemon();
        has_daemon = false;
        break;
      case Victim::kInstances:
        crash_instances();
        break;
      case Victim::kHolder:
        machine.holder.crash();
        break;
    }
    GetParam().has_pauses ? machine.sim.advance(2s) : machine.sim.settle();
    const bool has_keeper = has_daemon || machine.holder.is_running() ||
                            !machine.instances.holders(tenant("alpha")).empty();
    EXPECT_EQ(is_held("alpha"), has_keeper);
    was_lost = was_lost || !has_keeper;
  }
  if (has_daemon) {
    machine.sim.advance(60s);
  } else {
    start_daemon();
  }

  expect_converged(desired);
  EXPECT_EQ(binds_of("alpha"), was_lost ? 2 : 1);
  EXPECT_THAT(machine.holder.names(), ElementsAre("tenant/alpha", "tenant/beta"));
}

/// Every sequence of up to three different victims, with and without pauses.
std::vector<Order> all_orders() {
  std::vector<Order> out;
  std::vector<Victim> all{Victim::kDaemon, Victim::kInstances, Victim::kHolder};
  for (const bool has_pauses : {false, true}) {
    std::sort(all.begin(), all.end());
    do {
      for (std::size_t length = 1; length <= all.size(); ++length) {
        out.push_back(
            {{all.begin(), all.begin() + static_cast<std::ptrdiff_t>(length)}, has_pauses});
      }
    } while (std::next_permutation(all.begin(), all.end()));
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, DeathOrders, ::testing::ValuesIn(all_orders()));

/// The daemon dies at each of its calls, and others with it.
class DeathsAtEachCall : public HolderSim,
                         public ::testing::WithParamInterface<std::vector<Victim>> {
 protected:
  void begin_with(const std::vector<std::string>& tenants) { apply(platform_with(tenants)); }
  /// Whether the daemon died within `act`, at call `n` from now.
  bool dies(std::size_t n, KillPoint point, const std::function<void()>& act) {
    daemon().plan.kill_at(daemon().plan.calls() + n, point);
    try {
      act();
    } catch (const DaemonKilled&) {
      return true;
    }
    return false;
  }
  void kill_all() {
    kill_daemon();
    for (const Victim victim : GetParam()) {
      victim == Victim::kInstances ? crash_instances() : machine.holder.crash();
    }
    machine.sim.settle();
  }
  bool is_lost() const {
    return GetParam().size() == 2;  // instances and holder, with the daemon
  }
};

TEST_P(DeathsAtEachCall, OfAnApplyEndWithEveryListenerHeldOnce) {
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      begin_with({"alpha", "beta"});
      const auto before = binds_of("alpha");
      const DesiredState wanted = platform_with({"alpha", "gamma"});
      const bool died = dies(n, point, [&] { apply(wanted); });
      kill_all();
      if (!is_lost()) {
        EXPECT_TRUE(is_held("alpha"));
      }
      start_daemon();
      apply(wanted);
      expect_converged(wanted);
      EXPECT_EQ(binds_of("alpha") - before, is_lost() ? 1 : 0);
      EXPECT_THAT(machine.holder.names(), ElementsAre("tenant/alpha", "tenant/gamma"));
      EXPECT_FALSE(machine.network.is_held(socket_of("beta")));
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 20U);
}

TEST_P(DeathsAtEachCall, OfAStartEndWithEveryListenerHeldOnce) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  begin_with({"alpha", "beta"});
  std::size_t points = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      kill_all();
      const auto before = binds_of("alpha");
      const bool died = start_and_die(n, point);
      kill_daemon();
      start_daemon();
      expect_converged(desired);
      EXPECT_LE(binds_of("alpha") - before, is_lost() ? 2 : 0);
      EXPECT_THAT(machine.holder.names(), ElementsAre("tenant/alpha", "tenant/beta"));
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 20U);
}

INSTANTIATE_TEST_SUITE_P(With,
                         DeathsAtEachCall,
                         ::testing::Values(std::vector<Victim>{},
                                           std::vector<Victim>{Victim::kInstances},
                                           std::vector<Victim>{Victim::kHolder},
                                           std::vector<Victim>{Victim::kInstances,
                                                               Victim::kHolder}));

}  // namespace
}  // namespace voicectl
