// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_edge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "tests/support/edge/contract_edge_proxy.h"
#include "tests/support/edge/fake_edge.h"
#include "tests/unit/provisioner/edge/edge_on_fakes.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using std::chrono_literals::operator""ms;

EdgeConfig redirecting() {
  EdgeConfig config = an_edge_config();
  config.plain_http = PlainHttp::kRedirect;
  return config;
}

class NginxEdgeOnFakesTest : public ::testing::Test {
 protected:
  void start() { ASSERT_THAT(world_.configure(an_edge_config()), IsOkAnd(EdgeOutcome::kStarted)); }
  std::string conf() const { return *world_.files.content_of("/run/v/edge/nginx.conf"); }
  ProcessIdentity process() { return *world_.edge().observe().process; }

  EdgeOnFakes world_;
};

TEST_F(NginxEdgeOnFakesTest, RunsNginxInItsOwnFolder) {
  start();

  const LaunchSpec* spec = world_.processes.spec_of(process());
  ASSERT_NE(spec, nullptr);
  EXPECT_THAT(spec->argv, ElementsAre("/usr/sbin/nginx", "-p", "/run/v/edge/", "-c",
                                      "/run/v/edge/nginx.conf", "-e", "/log/edge/error.log"));
  EXPECT_TRUE(spec->environment.empty());
}

TEST_F(NginxEdgeOnFakesTest, NeverLoadsWhatNginxRefuses) {
  start();
  const std::string before = conf();
  world_.nginx.refused_text = "return 308";

  const Result<EdgeOutcome> outcome = world_.configure(redirecting());

  ASSERT_THAT(outcome, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(outcome.error().message(), HasSubstr("nginx says: return 308 is not wanted"));
  EXPECT_EQ(conf(), before);
  EXPECT_EQ(world_.nginx.reloads(), 0);
  EXPECT_EQ(world_.files.find("/run/v/edge/nginx.conf.next"), nullptr);
}

TEST_F(NginxEdgeOnFakesTest, RollsBackWhatIsNeverServed) {
  start();
  const std::string before = conf();
  world_.nginx.unloadable_text = "return 308";

  const Result<EdgeOutcome> outcome = world_.configure(redirecting());

  ASSERT_THAT(outcome, FailsWith(ErrorCode::kTimeout));
  EXPECT_THAT(outcome.error().message(), HasSubstr("bind() failed"));
  EXPECT_EQ(conf(), before);
  EXPECT_EQ(world_.nginx.serving(), *edge_fingerprint(an_edge_config()));
}

TEST_F(NginxEdgeOnFakesTest, GoesBackWhenNginxIsTooSlow) {
  start();
  world_.nginx.lag = std::chrono::seconds(10) + 1ms;

  const Result<EdgeOutcome> outcome = world_.configure(redirecting());
  world_.wait(60);

  EXPECT_THAT(outcome, FailsWith(ErrorCode::kTimeout));
  EXPECT_THAT(world_.configure(an_edge_config()), IsOk());
  EXPECT_EQ(world_.nginx.serving(), *edge_fingerprint(an_edge_config()));
}

TEST_F(NginxEdgeOnFakesTest, LeavesNothingRunningWhenTheFirstStartFails) {
  world_.nginx.unloadable_text = "events";

  EXPECT_THAT(world_.configure(an_edge_config()), FailsWith(ErrorCode::kUnavailable));

  EXPECT_THAT(world_.processes.running(), SizeIs(0));
  EXPECT_EQ(world_.files.find("/run/v/edge/nginx.conf"), nullptr);
  EXPECT_FALSE(world_.edge().observe().running);
}

TEST_F(NginxEdgeOnFakesTest, SaysThatTheProgramIsMissing) {
  world_.processes.uninstall("/usr/sbin/nginx");

  EXPECT_THAT(world_.configure(an_edge_config()), FailsWith(ErrorCode::kNotFound));
}

TEST_F(NginxEdgeOnFakesTest, KeepsServingWhenTheDiskIsFull) {
  start();
  world_.files.fill_disk();

  EXPECT_THAT(world_.configure(redirecting()), FailsWith(ErrorCode::kResourceExhausted));

  EXPECT_EQ(world_.nginx.serving(), *edge_fingerprint(an_edge_config()));
}

TEST_F(NginxEdgeOnFakesTest, LoadsAgainAFileThatSomebodyChanged) {
  start();
  world_.files.damage("/run/v/edge/nginx.conf", "# by hand");

  EXPECT_THAT(world_.configure(an_edge_config()), IsOkAnd(EdgeOutcome::kReloaded));

  EXPECT_THAT(conf(), HasSubstr("worker_processes"));
}

TEST_F(NginxEdgeOnFakesTest, RestartsNginxWhenItDies) {
  start();
  const ProcessIdentity first = process();

  world_.processes.end(first, FakeProcesses::killed_by(SIGSEGV));
  world_.wait(1);

  EXPECT_TRUE(world_.edge().observe().running);
  EXPECT_NE(process(), first);
  EXPECT_EQ(world_.edge().observe().deaths, 1U);
  EXPECT_THAT(world_.events, ElementsAre(Field(&EdgeEvent::kind, EdgeEvent::Kind::kDied),
                                         Field(&EdgeEvent::kind, EdgeEvent::Kind::kRestarted)));
  EXPECT_EQ(world_.events[0].detail, "nginx killed by signal 11");
}

TEST_F(NginxEdgeOnFakesTest, WaitsLongerAfterEachFailedRestart) {
  start();
  world_.nginx.unloadable_text = "events";
  world_.processes.end(process(), FakeProcesses::exited(1));

  world_.wait(60);

  const std::size_t failures = world_.events.size() - 1;
  EXPECT_GE(failures, 5U);
  EXPECT_LE(failures, 12U) << "100 ms, doubling to 30 s";
  world_.nginx.unloadable_text.reset();
  world_.wait(31);
  EXPECT_TRUE(world_.edge().observe().running);
  EXPECT_EQ(world_.events.back().kind, EdgeEvent::Kind::kRestarted);
}

TEST_F(NginxEdgeOnFakesTest, ANewConfigurationEndsTheWaitForARestart) {
  start();
  world_.nginx.unloadable_text = "listen 127.0.0.1:8080";
  world_.processes.end(process(), FakeProcesses::exited(1));
  world_.wait(20);
  EdgeConfig other = an_edge_config();
  other.http_port = *Port::make(8081);

  EXPECT_THAT(world_.configure(other), IsOkAnd(EdgeOutcome::kStarted));

  EXPECT_EQ(world_.nginx.serving(), *edge_fingerprint(other));
  EXPECT_THAT(world_.processes.running(), SizeIs(1));
}

TEST_F(NginxEdgeOnFakesTest, SurvivesADeathInTheMiddleOfAReload) {
  start();
  world_.nginx.lag = std::chrono::seconds(1);
  std::optional<Result<EdgeOutcome>> outcome;
  world_.edge().configure(redirecting(), [&](Result<EdgeOutcome> out) { outcome = out; });
  world_.sim.advance(500ms);

  world_.processes.end(process(), FakeProcesses::killed_by(SIGKILL));
  world_.wait(30);

  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(*outcome, FailsWith(ErrorCode::kUnavailable));
  EXPECT_EQ(world_.nginx.serving(), *edge_fingerprint(an_edge_config()));
}

TEST_F(NginxEdgeOnFakesTest, TakesNginxOverFromAnEarlierDaemon) {
  start();
  const ProcessIdentity before = process();

  world_.restart_daemon();

  EXPECT_THAT(world_.adopt(), IsOkAnd(true));
  EXPECT_EQ(process(), before);
  EXPECT_THAT(world_.configure(an_edge_config()), IsOkAnd(EdgeOutcome::kUnchanged));
  EXPECT_THAT(world_.processes.running(), SizeIs(1));
}

TEST_F(NginxEdgeOnFakesTest, NeverTakesOverAnotherProcessWithTheSameNumber) {
  start();
  ProcessIdentity recorded = process();
  ASSERT_THAT(world_.stop(), IsOk());
  world_.restart_daemon();
  const ProcessIdentity stranger = world_.processes.start_foreign(recorded.pid);

  EXPECT_THAT(world_.adopt(recorded), IsOkAnd(false));
  EXPECT_THAT(world_.configure(an_edge_config()), IsOkAnd(EdgeOutcome::kStarted));
  EXPECT_THAT(world_.stop(), IsOk());

  EXPECT_TRUE(world_.processes.is_alive(stranger));
  for (const FakeProcesses::Signal& signal : world_.processes.signals()) {
    EXPECT_NE(signal.who, stranger);
  }
}

TEST_F(NginxEdgeOnFakesTest, FindsAnNginxWhoseStartWasNeverWrittenDown) {
  start();
  const ProcessIdentity before = process();
  world_.restart_daemon();
  ASSERT_THAT(world_.files.remove("/run/v/edge/process.json"), IsOk());

  EXPECT_THAT(world_.adopt(), IsOkAnd(true));

  EXPECT_EQ(process(), before);
}

TEST_F(NginxEdgeOnFakesTest, ForgetsEverythingAfterAReboot) {
  start();
  world_.kill_daemon();
  world_.processes.reboot();
  world_.restart_daemon();

  EXPECT_THAT(world_.adopt(), IsOkAnd(false));
  EXPECT_THAT(world_.configure(an_edge_config()), IsOkAnd(EdgeOutcome::kStarted));
}

TEST_F(NginxEdgeOnFakesTest, KillsAnNginxThatDoesNotStop) {
  start();
  world_.nginx.is_deaf = true;

  EXPECT_THAT(world_.stop(), IsOk());

  EXPECT_THAT(world_.processes.running(), SizeIs(0));
  EXPECT_EQ(world_.processes.signals().back().number, SIGKILL);
  EXPECT_EQ(world_.edge().observe().deaths, 0U);
}

TEST_F(NginxEdgeOnFakesTest, StoppingGivesUpAConfigurationOnItsWay) {
  start();
  const std::string before = conf();
  world_.nginx.lag = std::chrono::seconds(5);
  std::optional<Result<EdgeOutcome>> outcome;
  world_.edge().configure(redirecting(), [&](Result<EdgeOutcome> out) { outcome = out; });
  world_.sim.advance(1000ms);

  EXPECT_THAT(world_.stop(), IsOk());

  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(*outcome, FailsWith(ErrorCode::kCancelled));
  EXPECT_EQ(conf(), before);
  EXPECT_THAT(world_.processes.running(), SizeIs(0));
}

TEST_F(NginxEdgeOnFakesTest, ConvergesAfterAnyFailedCallOnTheDisk) {
  for (std::size_t n = 1; n <= 40; ++n) {
    EdgeOnFakes world;
    ASSERT_THAT(world.configure(an_edge_config()), IsOk());
    world.files.fail_at(n, Error(ErrorCode::kInternal, "cannot do it: told so"));
    (void)world.configure(redirecting());  // may fail or not

    Result<EdgeOutcome> again = world.configure(redirecting());
    if (again.has_error()) {
      again = world.configure(redirecting());  // the failure came only now
    }

    ASSERT_THAT(again, IsOk()) << n;
    ASSERT_EQ(world.nginx.serving(), *edge_fingerprint(redirecting())) << n;
    ASSERT_THAT(world.processes.running(), SizeIs(1)) << n;
  }
}

TEST_F(NginxEdgeOnFakesTest, ConvergesWhereverTheDaemonIsKilled) {
  for (int turns = 0; turns < 60; ++turns) {
    EdgeOnFakes world;
    world.edge().configure(an_edge_config(), [](const Result<EdgeOutcome>&) {});
    for (int i = 0; i < turns && (world.sim.step() || world.sim.advance_to_next_timer()); ++i) {
    }
    world.restart_daemon();
    world.wait(1);

    ASSERT_THAT(world.adopt(), IsOk()) << turns;
    ASSERT_THAT(world.configure(redirecting()), IsOk()) << turns;
    ASSERT_EQ(world.nginx.serving(), *edge_fingerprint(redirecting())) << turns;
    ASSERT_THAT(world.processes.running(), SizeIs(1)) << turns;
  }
}

class NginxWorld final : public EdgeProxyWorld {
 public:
  EdgeProxy& edge() override { return world_.edge(); }
  void settle() override { world_.wait(30); }
  void refuse_next() override { world_.nginx.refused_text = "events"; }
  bool is_routed(const TenantId& tenant, const HostName& host) override {
    const bool own = host.str() == tenant.str() + ".voice.test";
    const EdgeRouteFiles files =
        own ? edge_route(world_.folders, tenant) : edge_route(world_.folders, host);
    return world_.files.content_of(files.marker) == tenant.str() + "\n" &&
           world_.files.find(files.link) != nullptr;
  }

 private:
  EdgeOnFakes world_;
};

class FakeWorld final : public EdgeProxyWorld {
 public:
  EdgeProxy& edge() override { return edge_; }
  void settle() override { sim_.advance(std::chrono::seconds(30)); }
  void refuse_next() override {
    state_.refuse_next = Error(ErrorCode::kInvalidArgument, "cannot use it: told so");
  }
  bool is_routed(const TenantId& tenant, const HostName& host) override {
    const auto found = state_.routes.find(host);
    return found != state_.routes.end() && found->second == tenant;
  }

 private:
  SimReactor sim_;
  FakeEdgeState state_;
  FakeEdgeProxy edge_{state_, sim_};
};

INSTANTIATE_TEST_SUITE_P(Nginx, EdgeProxyContract, ::testing::Values([] {
                           return std::make_unique<NginxWorld>();
                         }));
INSTANTIATE_TEST_SUITE_P(Fake, EdgeProxyContract, ::testing::Values([] {
                           return std::make_unique<FakeWorld>();
                         }));

}  // namespace
}  // namespace voicectl
