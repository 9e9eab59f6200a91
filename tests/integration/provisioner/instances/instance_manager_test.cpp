// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/instance_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_listener_factory.h"
#include "base/os/posix_log_files.h"
#include "base/os/posix_process_spawner.h"
#include "base/os/system_clock.h"
#include "provisioner/instances/posix_log_pipe.h"
#include "runtime/control/protocol.h"
#include "tests/support/fake_descriptor_store.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// A port that was free a moment ago. Drawn below the range from which the kernel takes the ports
/// of outgoing connections, so that only a test that draws the same number could take it.
Port free_port() {
  SystemRandom random;
  PosixListenerFactory listeners;
  for (int draw = 0; draw < 100; ++draw) {
    const Port port = *Port::make(static_cast<std::int64_t>(10'000 + random.below(20'000)));
    if (auto bound = listeners.bind_tcp(port); bound.has_value()) {
      listeners.close(std::move(*bound));
      return port;
    }
  }
  ADD_FAILURE() << "no free port";
  return *Port::make(9);
}

InstanceManager::Settings settings(const TempDir& dir,
                                   std::uint64_t epoch,
                                   std::vector<std::string> arguments) {
  InstanceManager::Settings settings;
  settings.launch.program = ECHO_INSTANCE;
  settings.launch.arguments = std::move(arguments);
  settings.launch.max_descriptors = 256;
  settings.paths = {dir.path("run"), dir.path("log")};
  settings.epoch = Epoch{epoch};
  settings.own_uid = ::getuid();
  settings.times.adopt = 300ms;
  return settings;
}

/// One run of the daemon on the real machine, as far as instances go.
class RealDaemon {
 public:
  RealDaemon(const TempDir& dir, std::uint64_t epoch, std::vector<std::string> arguments = {})
      : manager({reactor, spawner, listeners, bank, channels, files, log_pipes, random},
                settings(dir, epoch, std::move(arguments)),
                {.on_ready =
                     [this](const InstanceId&, ReadyCause cause) {
                       restarts += cause == ReadyCause::kRestarted ? 1 : 0;
                     },
                 .on_exit = {},
                 .on_failed = {}}) {}

  /// Runs the loop until `is_done`, at most 10 s.
  template <typename Condition>
  bool run_until(Condition is_done) {
    const MonoTime deadline = reactor.now() + 10s;
    std::function<void()> look = [&] {
      if (is_done() || reactor.now() >= deadline) {
        return reactor.stop();
      }
      reactor.call_after(1ms, look);
    };
    reactor.post(look);
    reactor.run();
    return is_done();
  }

  template <typename T>
  Result<T> await(const std::function<void(Completion<T>)>& begin) {
    auto result_of = std::make_shared<std::optional<Result<T>>>();
    reactor.post([&begin, result_of] {
      begin([result_of](Result<T> result) { *result_of = std::move(result); });
    });
    EXPECT_TRUE(run_until([result_of] { return result_of->has_value(); }));
    return result_of->value_or(Error(ErrorCode::kTimeout, "cannot wait longer"));
  }

  Result<InstanceReady> start(Port admin_port) {
    return await<InstanceReady>([&](const Completion<InstanceReady>& done) {
      manager.start(
          {*InstanceId::parse("echo-0"), InstanceKind::kShared, admin_port, FirstFailure::kForget},
          done);
    });
  }
  Status stop(Duration grace) {
    return await<void>([&](const Completion<void>& done) {
      manager.stop(*InstanceId::parse("echo-0"), grace, done);
    });
  }
  Status lend(const std::string& path, Port port) {
    const TenantId tenant = *TenantId::parse("acme");
    VC_TRY(bank.bind(tenant, path, SocketAccess{}, port));
    return await<void>([&](const Completion<void>& done) {
      manager.lend({*InstanceId::parse("echo-0"), tenant, Generation{3}, FencingToken{5}, "/c",
                    "/d", *bank.descriptors(tenant)},
                   done);
    });
  }
  Result<std::string> ask(const std::string& type, const std::string& body) {
    return await<std::string>([&](const Completion<std::string>& done) {
      manager.request(*InstanceId::parse("echo-0"), type, body, 5s, done);
    });
  }
  Result<AdoptReport> adopt(const std::vector<AdoptRecord>& records) {
    return await<AdoptReport>(
        [&](const Completion<AdoptReport>& done) { manager.adopt(records, done); });
  }

  AsioReactor reactor;
  PosixProcessSpawner spawner{reactor, reactor};
  PosixListenerFactory listeners;
  PosixFileSystem files;
  PosixFdChannelFactory channels{reactor, reactor};
  PosixLogFiles log_files;
  SystemWallClock wall_clock;
  PosixLogPipeFactory log_pipes{reactor, log_files, wall_clock};
  SystemRandom random;
  FakeKept kept;
  FakeDescriptorStore store{reactor, kept};
  ListenerBank bank{listeners, files, store};
  int restarts = 0;
  InstanceManager manager;
};

class RealInstanceTest : public ::testing::Test {
 protected:
  ~RealInstanceTest() override {
    // A test that failed half-way must not leave processes behind.
    RealDaemon last(dir, 1000);
    (void)last.adopt({});
  }

  std::string log() {
    PosixFileSystem files;
    const auto content = files.read(dir.path("log/instances/echo-0.log"), 64UL << 20);
    return content.has_error() ? "" : (*content).value_or("");
  }
  AdoptRecord record() const {
    return AdoptRecord{*InstanceId::parse("echo-0"), InstanceKind::kShared, admin_port};
  }

  TempDir dir;
  Port admin_port = free_port();
};

TEST_F(RealInstanceTest, StartsSpeaksWithAndStopsAProcess) {
  RealDaemon daemon(dir, 1);

  const Result<InstanceReady> ready = daemon.start(admin_port);
  ASSERT_THAT(ready, IsOk());
  EXPECT_EQ(daemon.spawner.identify(ready->process.pid), ready->process);
  EXPECT_THAT(daemon.ask("echo", R"({"a":1})"), IsOkAnd(R"({"a":1})"));
  EXPECT_THAT(daemon.stop(5s), IsOk());

  EXPECT_EQ(daemon.spawner.identify(ready->process.pid), std::nullopt);
  EXPECT_THAT(daemon.files.list(dir.path("run/instances")), IsOkAnd(SizeIs(0)));
}

TEST_F(RealInstanceTest, NamesTheLastLogLinesOfOneThatDiesAtItsStart) {
  RealDaemon daemon(dir, 1, {"--die-at-start"});

  const Result<InstanceReady> ready = daemon.start(admin_port);

  ASSERT_THAT(ready, FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(ready.error().text(), HasSubstr("exited with 3"));
  EXPECT_THAT(ready.error().text(), HasSubstr("cannot open the store: it is broken"));
  EXPECT_THAT(log(), HasSubstr("cannot open the store"));
}

TEST_F(RealInstanceTest, KillsOneThatIgnoresEverythingElse) {
  RealDaemon daemon(dir, 1, {"--ignore-stop"});
  const Result<InstanceReady> ready = daemon.start(admin_port);
  ASSERT_THAT(ready, IsOk());

  EXPECT_THAT(daemon.stop(100ms), IsOk());

  EXPECT_EQ(daemon.spawner.identify(ready->process.pid), std::nullopt);
}

TEST_F(RealInstanceTest, WritesWhatTheInstancePrintsIntoItsLog) {
  RealDaemon daemon(dir, 1);
  ASSERT_THAT(daemon.start(admin_port), IsOk());

  ASSERT_THAT(daemon.ask("print", R"({"print":"line","times":1000})"), IsOk());

  EXPECT_TRUE(daemon.run_until([this] { return log().ends_with("line 999\n"); }));
}

TEST_F(RealInstanceTest, RestartsAKilledProcessAndKeepsTheTenantsListener) {
  RealDaemon daemon(dir, 1);
  const Result<InstanceReady> ready = daemon.start(admin_port);
  ASSERT_THAT(ready, IsOk());
  ASSERT_THAT(daemon.lend(dir.path("acme.sock"), free_port()), IsOk());

  ASSERT_THAT(daemon.spawner.signal_group(ready->process, SIGKILL), IsOk());
  ASSERT_TRUE(daemon.run_until([&] { return daemon.restarts == 1; }));

  const std::vector<InstanceView> seen = daemon.manager.observe();
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].state, InstanceState::kReady);
  EXPECT_NE(seen[0].process, ready->process);
  EXPECT_EQ(seen[0].last_exit, (ProcessExit{true, std::nullopt, SIGKILL}));
  EXPECT_THAT(daemon.listeners.bind_unix(dir.path("acme.sock"), SocketAccess{}),
              FailsWith(ErrorCode::kAlreadyExists));
}

TEST_F(RealInstanceTest, IsAdoptedWithItsListenersAndItsLogByTheNextDaemon) {
  auto first = std::make_unique<RealDaemon>(dir, 1);
  const Result<InstanceReady> ready = first->start(admin_port);
  ASSERT_THAT(ready, IsOk());
  const Port port = free_port();
  ASSERT_THAT(first->lend(dir.path("acme.sock"), port), IsOk());
  first.reset();
  RealDaemon second(dir, 2);

  AdoptRecord known = record();
  known.tenants.emplace(*TenantId::parse("acme"), places_of_listeners(dir.path("acme.sock"), port));
  const Result<AdoptReport> report = second.adopt({known});

  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->adopted, ElementsAre(record().instance));
  ASSERT_THAT(report->regained, SizeIs(1));
  EXPECT_EQ(report->regained[0].token, FencingToken{5});
  EXPECT_EQ(second.manager.observe().at(0).process, ready->process);
  EXPECT_THAT(second.bank.bind(report->regained[0].tenant, dir.path("acme.sock"), {}, port),
              IsOk());
  ASSERT_THAT(second.ask("print", R"({"print":"second","times":1})"), IsOk());
  EXPECT_TRUE(second.run_until([this] { return log() == "second 0\n"; }));
}

TEST_F(RealInstanceTest, NeitherWaitsNorDiesWhenNobodyReadsItsLog) {
  auto first = std::make_unique<RealDaemon>(dir, 1);
  const Result<InstanceReady> ready = first->start(admin_port);
  ASSERT_THAT(ready, IsOk());
  first.reset();
  AsioReactor loop;
  PosixFdChannelFactory channels(loop, loop);
  auto channel = channels.connect(dir.path("run/instances/echo-0/control.sock"));
  ASSERT_THAT(channel, IsOk());
  bool is_answered = false;
  (*channel)->start({.on_message =
                         [&](const std::string&, const std::vector<UniqueFd>&) {
                           is_answered = true;
                           loop.stop();
                         },
                     .on_close = [&] { loop.stop(); }});

  // Far more than a FIFO holds.
  const std::string flood = R"({"print":")" + std::string(1000, 'x') + R"(","times":10000})";
  ASSERT_THAT((*channel)->send(control::encode({"print", 1, std::nullopt, flood}), {}), IsOk());
  loop.run();

  EXPECT_TRUE(is_answered);
  RealDaemon second(dir, 2);
  const Result<AdoptReport> report = second.adopt({record()});
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->adopted, ElementsAre(record().instance));
  EXPECT_TRUE(second.run_until([this] { return log().size() > 50'000; }));
}

TEST_F(RealInstanceTest, IsKilledByTheNextDaemonIfItStandsStill) {
  auto first = std::make_unique<RealDaemon>(dir, 1);
  const Result<InstanceReady> ready = first->start(admin_port);
  ASSERT_THAT(ready, IsOk());
  ASSERT_THAT(first->spawner.signal_group(ready->process, SIGSTOP), IsOk());
  first.reset();
  RealDaemon second(dir, 2);

  const Result<AdoptReport> report = second.adopt({record()});

  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->lost, ElementsAre(record().instance));
  EXPECT_EQ(second.spawner.identify(ready->process.pid), std::nullopt);
  EXPECT_THAT(second.start(admin_port), IsOk());
}

TEST_F(RealInstanceTest, IsEndedByTheNextDaemonIfNobodyRecordedIt) {
  auto first = std::make_unique<RealDaemon>(dir, 1);
  const Result<InstanceReady> ready = first->start(admin_port);
  ASSERT_THAT(ready, IsOk());
  first.reset();
  RealDaemon second(dir, 2);

  const Result<AdoptReport> report = second.adopt({});

  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->ended, ElementsAre(record().instance));
  EXPECT_EQ(second.spawner.identify(ready->process.pid), std::nullopt);
  EXPECT_THAT(second.files.list(dir.path("run/instances")), IsOkAnd(SizeIs(0)));
}

}  // namespace
}  // namespace voicectl
