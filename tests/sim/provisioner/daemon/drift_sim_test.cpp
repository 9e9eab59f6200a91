// SPDX-License-Identifier: Apache-2.0
// What other programs and people do to a platform behind the daemon's back.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;
using ::testing::SizeIs;

constexpr const char* kKeyFile = "/etc/voicectl/ultravox.key";
constexpr const char* kInstalledKey = "/var/lib/voicectl/keys/ultravox.key";

TenantId tenant(const std::string& name) {
  return *TenantId::parse(name);
}

class DriftSim : public DaemonWorld {
 protected:
  RecordedTenant recorded(const std::string& name) {
    return *daemon().daemon->recorded().find_tenant(tenant(name));
  }
  Snapshot seen() { return daemon().daemon->loop().snapshot(); }

  /// Makes every instance refuse new configurations of `victim`.
  void refuse_to_reconfigure(const std::string& victim) {
    machine.instances.on_request =
        [victim](const std::string&,
                 const control::Message& question) -> std::optional<Result<std::string>> {
      if (question.type == control::request::kReconfigure &&
          question.body.find("\"" + victim + "\"") != std::string::npos) {
        return Result<std::string>(Error(ErrorCode::kInternal, "cannot read it just now"));
      }
      return std::nullopt;
    };
  }

  /// Applies new settings of the platform that the instance of the only tenant does not take.
  DesiredState apply_what_alpha_refuses() {
    const DesiredState before = platform_with({"alpha"});
    apply(before);
    refuse_to_reconfigure("alpha");
    DesiredState after = with_endpoint(before, "http://127.0.0.1:4200/api");
    apply(after);
    return after;
  }

  static DesiredState with_endpoint(DesiredState desired, const std::string& endpoint) {
    desired.platform.ultravox.endpoint = endpoint;
    return desired;
  }
};

TEST_F(DriftSim, ATenantWhosePortAStrangerTookIsServedOnAnother) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const Port port = *recorded("alpha").port;
  lose_the_machine();
  machine.network.occupy(port);

  start_daemon();

  EXPECT_NE(recorded("alpha").port, port);
  expect_converged(desired);
  EXPECT_THAT(machine.log_lines,
              Contains(::testing::AllOf(HasSubstr("tenant.port_lost"), HasSubstr("alpha"))));
  for (const PortLease& lease : seen().leases) {
    EXPECT_TRUE(lease.port != port || lease.released_at) << "the lost port is still leased";
  }
}

TEST_F(DriftSim, TheKernelIsAskedOnceWhereAllSocketsAreBound) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma", "delta"});
  apply(desired);
  // All of them were bound by the apply, and all were taken back by the next daemon.
  EXPECT_LE(daemon().scan.bound_files_asked, 1U);
  kill_daemon();
  start_daemon();
  plan(desired);

  EXPECT_EQ(daemon().scan.bound_files_asked, 1U);
  plan(desired);
  EXPECT_EQ(daemon().scan.bound_files_asked, 1U) << "asked again for what cannot have changed";
}

TEST_F(DriftSim, AProcessIsReadOnceHoweverManyStrangersListen) {
  const DesiredState desired = platform_with({"alpha", "beta", "gamma", "delta"});
  apply(desired);
  const auto read_with_stranger_at = [&](const std::string& tenant) {
    machine.network.occupy(*recorded(tenant).port);
    const std::size_t before = daemon().scan.processes_read;
    plan(desired);
    return daemon().scan.processes_read - before;
  };

  const std::size_t with_one = read_with_stranger_at("alpha");
  EXPECT_GT(with_one, 0U);
  read_with_stranger_at("beta");
  read_with_stranger_at("gamma");
  EXPECT_EQ(read_with_stranger_at("delta"), with_one);
}

TEST_F(DriftSim, ANewTenantDoesNotWaitForAPortThatAStrangerHolds) {
  apply(platform_with({"alpha"}));
  const Port next = *Port::make(recorded("alpha").port->value() + 1);
  machine.network.occupy(next);
  const DesiredState more = platform_with({"alpha", "beta"});

  const Applied applied = apply(more);

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_NE(recorded("beta").port, next);
  expect_converged(more);
}

TEST_F(DriftSim, AnInstanceWhosePortAStrangerTookStartsOnAnother) {
  const DesiredState desired = platform_with({"alpha"});
  apply(desired);
  const Port port = seen().instances.at(*InstanceId::parse("shared-0")).admin_port;
  lose_the_machine();
  machine.network.occupy(port);

  start_daemon();

  EXPECT_NE(seen().instances.at(*InstanceId::parse("shared-0")).admin_port, port);
  expect_converged(desired);
}

TEST_F(DriftSim, ADaemonThatDiedBeforeItRecordedANewPortIsNotTakenBackToTheOldOne) {
  const InstanceId shared = *InstanceId::parse("shared-0");
  const DesiredState desired = platform_with({"alpha"});
  apply(desired);
  const Port lost = seen().instances.at(shared).admin_port;
  lose_the_machine();
  machine.network.occupy(lost);
  bool has_failed = false;
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kHello && !std::exchange(has_failed, true)) {
      machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");
    }
    return std::nullopt;
  };
  start_daemon();
  ASSERT_TRUE(has_failed) << "it runs, and nothing says so";
  ASSERT_TRUE(machine.instances.is_running("shared-0"));
  kill_daemon();
  machine.registry->failure.reset();

  start_daemon();

  EXPECT_NE(seen().instances.at(shared).admin_port, lost);
  for (const InstanceView& view : daemon().daemon->instances().observe()) {
    EXPECT_EQ(view.admin_port, seen().instances.at(view.instance).admin_port);
  }
  for (const PortLease& lease : seen().leases) {
    EXPECT_TRUE(lease.port != lost || lease.released_at) << "the lost port is still leased";
  }
  expect_converged(desired);
}

TEST_F(DriftSim, ARangeThatStrangersFillIsToldAsFullAndNotTriedPortByPort) {
  DesiredState desired = platform_with({"alpha"});
  for (std::uint32_t number = desired.platform.first_port; number <= desired.platform.last_port;
       ++number) {
    machine.network.occupy(*Port::make(number));
  }

  const Result<Plan> plan = daemon().daemon->loop().plan(desired);

  ASSERT_THAT(plan, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(plan.error().message(), HasSubstr("held by other programs"));
}

TEST_F(DriftSim, APlanThatLooksForPortsHoldsNone) {
  const DesiredState desired = platform_with({"alpha"});

  const Plan shown = plan(desired);

  EXPECT_THAT(shown.steps, Not(IsEmpty()));
  EXPECT_THAT(machine.network.held_ports(), IsEmpty());
}

TEST_F(DriftSim, TheCertificateOfADeletedDomainIsNoLongerServedNorKept) {
  DesiredState desired = platform_with({"alpha", "beta"});
  desired.tenants[0].domains = {*HostName::parse("pizza.example")};
  desired.tenants[1].domains = {*HostName::parse("pasta.example")};
  apply(desired);
  ASSERT_NE(machine.files.find("/var/lib/voicectl/certs/pizza.example.pem"), nullptr);

  DesiredState after = platform_with({"alpha"});
  const Applied applied = apply(after);

  EXPECT_EQ(applied.outcome.failed, 0U);
  for (const char* host : {"pizza.example", "pasta.example"}) {
    EXPECT_EQ(machine.files.find(fmt::format("/var/lib/voicectl/certs/{}.pem", host)), nullptr);
    EXPECT_EQ(machine.files.find(fmt::format("/run/voicectl/edge/certs/{}.pem", host)), nullptr);
  }
  EXPECT_NE(machine.files.find("/var/lib/voicectl/certs/_wildcard.example.com.pem"), nullptr);
  expect_converged(after);
}

TEST_F(DriftSim, ADomainThatChangesHandsKeepsItsCertificate) {
  DesiredState desired = platform_with({"alpha", "beta"});
  desired.tenants[0].domains = {*HostName::parse("pizza.example")};
  apply(desired);
  std::swap(desired.tenants[0].domains, desired.tenants[1].domains);

  apply(desired);

  EXPECT_NE(machine.files.find("/run/voicectl/edge/certs/pizza.example.pem"), nullptr);
  expect_converged(desired);
}

TEST_F(DriftSim, ANewContentOfTheKeyFileIsTakenWithoutARestartOrAnEdit) {
  DesiredState desired = platform_with({"alpha"});
  machine.files.put(kKeyFile, "first\n");
  desired.platform.ultravox.api_key_file = kKeyFile;
  apply(desired);
  ASSERT_THAT(machine.files.content_of(kInstalledKey), Optional(std::string("first\n")));

  machine.files.put(kKeyFile, "second\n");
  EXPECT_THAT(plan(desired).steps, SizeIs(1));
  machine.sim.advance(kKeyInterval + 1s);

  EXPECT_THAT(machine.files.content_of(kInstalledKey), Optional(std::string("second\n")));
  expect_converged(desired);
}

TEST_F(DriftSim, NewCredentialsOfATenantAreTakenWithoutARestartOrAnEdit) {
  DesiredState desired = platform_with({"alpha", "beta"});
  const auto installed = [this](const std::string& name) {
    return machine.files.content_of("/var/lib/voicectl/tenants/" + name + "/erpnext.credentials");
  };
  for (TenantSpec& spec : desired.tenants) {
    const std::string file = "/etc/voicectl/" + spec.tenant.str() + ".erp";
    machine.files.put(file, "key:first\n");
    spec.backend = Backend{.kind = BackendKind::kErpnext,
                           .url = "https://erp.example",
                           .company = "Shop",
                           .credentials_file = file};
  }
  apply(desired);
  ASSERT_THAT(installed("beta"), Optional(std::string("key:first\n")));

  machine.files.put("/etc/voicectl/alpha.erp", "key:second\n");
  machine.files.put("/etc/voicectl/beta.erp", "key:second\nwebhook of-the-site\n");
  EXPECT_THAT(plan(desired).steps, SizeIs(2));
  machine.sim.advance(kKeyInterval + 1s);

  EXPECT_THAT(installed("alpha"), Optional(std::string("key:second\n")));
  EXPECT_THAT(installed("beta"), Optional(std::string("key:second\nwebhook of-the-site\n")));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.credentials_installed")));
  expect_converged(desired);

  machine.files.put("/etc/voicectl/alpha.erp", "");
  machine.sim.advance(kKeyInterval + 1s);
  EXPECT_THAT(installed("alpha"), Optional(std::string("key:second\n"))) << "no worse than before";
}

TEST_F(DriftSim, ANewKeyIsInstalledAlsoWhileSomethingElseKeepsFailing) {
  DesiredState desired = platform_with({"alpha"});
  machine.files.put(kKeyFile, "first\n");
  desired.platform.ultravox.api_key_file = kKeyFile;
  apply(desired);
  DesiredState refused = desired;
  refused.platform.store = {SessionStoreKind::kRedis, "redis://127.0.0.1:6379", ""};
  EXPECT_GT(apply(refused).outcome.failed, 0U) << "it has data in the other store";
  const auto applies = [this] {
    return std::count_if(
        machine.log_lines.begin(), machine.log_lines.end(),
        [](const std::string& line) { return line.find("apply.started") != std::string::npos; });
  };
  const auto before = applies();

  machine.files.put(kKeyFile, "second\n");
  machine.sim.advance(kKeyInterval + 1s);

  EXPECT_THAT(machine.files.content_of(kInstalledKey), Optional(std::string("second\n")));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("platform.key_installed")));
  machine.sim.advance(10 * kKeyInterval);
  EXPECT_EQ(applies(), before) << "the rest has its own time";
}

TEST_F(DriftSim, AKeyThatCannotBeInstalledIsTriedLessAndLessOften) {
  DesiredState desired = platform_with({"alpha"});
  machine.files.put(kKeyFile, "first\n");
  desired.platform.ultravox.api_key_file = kKeyFile;
  apply(desired);
  machine.files.put(kKeyFile, "second\n");
  machine.files.fill_disk();
  const std::size_t before = machine.registry->journal.size();

  machine.sim.advance(45min);

  EXPECT_LT(machine.registry->journal.size() - before, 10U);
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("platform.key_not_installed")));
  machine.files.free_space();
  machine.sim.advance(15min);
  EXPECT_THAT(machine.files.content_of(kInstalledKey), Optional(std::string("second\n")));
}

TEST_F(DriftSim, SettingsThatCouldNotBeWrittenForAllAreLeftInNoFile) {
  const DesiredState desired = platform_with({"alpha", "beta"});
  apply(desired);
  const auto config = [this](const std::string& name) {
    return machine.files.content_of("/var/lib/voicectl/tenants/" + name + "/config.json");
  };
  std::size_t refused = 0;
  for (std::size_t n = 1; n < 200; ++n) {
    SCOPED_TRACE(n);
    const auto alpha = config("alpha");
    const std::string endpoint = fmt::format("http://127.0.0.1:4{:03}/api", n);
    const std::size_t at = daemon().plan.calls() + n;
    daemon().plan.fail_at(at, Error(ErrorCode::kInternal, "cannot do it: I/O error"));

    const Applied applied = apply(with_endpoint(desired, endpoint));

    if (applied.outcome.failed > 0 &&
        daemon().daemon->recorded().snapshot().platform->ultravox.endpoint != endpoint) {
      ++refused;
      EXPECT_EQ(config("alpha"), alpha);
    }
    if (daemon().plan.calls() < at || HasFailure()) {
      break;
    }
  }
  EXPECT_GT(refused, 4U);
}

TEST_F(DriftSim, SettingsThatCouldNotBeRecordedAreTakenBackFromInstances) {
  const DesiredState desired = platform_with({"alpha"});
  apply(desired);
  const std::string home = machine.instances.holders(tenant("alpha")).front();
  bool is_disk_full = false;
  machine.instances.on_request =
      [&](const std::string&,
          const control::Message& question) -> std::optional<Result<std::string>> {
    if (question.type == control::request::kReconfigure && !std::exchange(is_disk_full, true)) {
      machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");
    }
    return std::nullopt;
  };

  EXPECT_GT(apply(with_endpoint(desired, "http://127.0.0.1:4200/api")).outcome.failed, 0U);
  machine.registry->failure.reset();
  machine.sim.advance(120s);

  EXPECT_EQ(machine.instances.find(home, tenant("alpha"))->generation,
            recorded("alpha").generation);
  EXPECT_THAT(seen().observed.outdated, IsEmpty());
  EXPECT_THAT(
      machine.files.content_of("/var/lib/voicectl/tenants/alpha/config.json"),
      Optional(HasSubstr(fmt::format("\"generation\":{},", recorded("alpha").generation.value))));
}

TEST_F(DriftSim, AKeyFileThatIsBeingWrittenTakesNoKeyAway) {
  DesiredState desired = platform_with({"alpha"});
  machine.files.put(kKeyFile, "first\n");
  desired.platform.ultravox.api_key_file = kKeyFile;
  apply(desired);

  machine.files.put(kKeyFile, "");
  machine.sim.advance(kKeyInterval * 3);

  EXPECT_THAT(machine.files.content_of(kInstalledKey), Optional(std::string("first\n")));
  EXPECT_EQ(daemon().daemon->loop().keys().look_at_platform(), TenantFiles::KeyState::kUnreadable);
}

TEST_F(DriftSim, AnInstanceThatDoesNotTakeNewSettingsIsNamedAndAskedAgain) {
  const DesiredState before = platform_with({"alpha", "beta"});
  apply(before);
  refuse_to_reconfigure("alpha");
  const DesiredState after = with_endpoint(before, "http://127.0.0.1:4200/api");

  const Applied applied = apply(after);

  EXPECT_EQ(applied.outcome.failed, 0U);
  EXPECT_THAT(
      applied.steps.at("record the settings of platform example.com").note,
      ::testing::AllOf(HasSubstr("'alpha'"), HasSubstr("just now"), Not(HasSubstr("'beta'"))));
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("action.incomplete")));
  ASSERT_THAT(seen().observed.outdated, SizeIs(1));
  EXPECT_THAT(daemon().daemon->loop().why_outdated(tenant("alpha")), HasSubstr("just now"));
  EXPECT_THAT(plan(after).steps, SizeIs(1));

  machine.instances.on_request = nullptr;
  machine.sim.advance(120s);

  EXPECT_THAT(seen().observed.outdated, IsEmpty());
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("tenant.configured")));
  expect_converged(after);
}

TEST_F(DriftSim, ADaemonThatCameBackKnowsWhoHasOldSettings) {
  const DesiredState after = apply_what_alpha_refuses();
  kill_daemon();
  machine.instances.on_request = nullptr;

  start_daemon();

  EXPECT_THAT(seen().observed.outdated, IsEmpty());
  expect_converged(after);
}

TEST_F(DriftSim, AnApplyGivesNewSettingsToWhoDidNotTakeThem) {
  const DesiredState after = apply_what_alpha_refuses();
  machine.instances.on_request = nullptr;

  const Applied again = apply(after);

  EXPECT_EQ(again.outcome.done, 1U);
  EXPECT_THAT(seen().observed.outdated, IsEmpty());
}

TEST_F(DriftSim, SettingsThatNoTenantReadsChangeNoTenant) {
  DesiredState desired = platform_with({"alpha"});
  apply(desired);
  const Generation before = recorded("alpha").generation;
  desired.platform.pool_size = 3;

  apply(desired);

  EXPECT_EQ(recorded("alpha").generation, before);
  expect_converged(desired);
}

TEST_F(DriftSim, RefusesAPlanOfAnotherGeneration) {
  apply(platform_with({"alpha"}));
  const Generation shown = seen().generation;
  apply(platform_with({"alpha", "beta"}));

  const Status refused = daemon().daemon->loop().apply(
      {platform_with({"alpha"}), std::nullopt, "test", shown}, {nullptr, nullptr, nullptr});

  ASSERT_THAT(refused, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(refused.error().message(), HasSubstr(fmt::format("generation {}", shown.value)));
}

TEST_F(DriftSim, TheAgeOfAnInstanceDoesNotBeginAnewWithTheDaemon) {
  apply(platform_with({"alpha"}));
  machine.sim.advance(1h);
  kill_daemon();

  start_daemon();

  for (const InstanceView& view : daemon().daemon->instances().observe()) {
    ASSERT_TRUE(view.process_began.has_value());
    EXPECT_GE(machine.sim.now() - *view.process_began, 1h);
  }
}

TEST_F(DriftSim, TokensGrowOverAllTenantsAndRunsOfTheDaemon) {
  apply(platform_with({"alpha", "beta"}));
  const FencingToken highest = std::max(recorded("alpha").token, recorded("beta").token);
  apply(platform_with({"alpha", "beta", "gamma"}));
  EXPECT_GT(recorded("gamma").token, highest);

  kill_daemon();
  start_daemon();
  const FencingToken in_this_run = recorded("gamma").token;
  apply(platform_with({"alpha", "beta", "gamma", "delta"}));

  EXPECT_GT(recorded("delta").token, in_this_run);
}

}  // namespace
}  // namespace voicectl
