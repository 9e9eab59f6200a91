// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/faulty.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Port kPort = *Port::make(21000);

LaunchSpec a_program() {
  LaunchSpec spec;
  spec.argv = {"/usr/bin/voice-runtime"};
  return spec;
}

class FakeWorldTest : public ::testing::Test {
 protected:
  FakeWorldTest() { EXPECT_THAT(files_.make_directory("/run", kPrivateDirectory), IsOk()); }

  SimReactor reactor_;
  FakeFileSystem files_;
  FakeNetwork network_{files_};
  FakeProcesses processes_{reactor_};
  FakeChannelHub hub_{reactor_, &network_};
};

TEST_F(FakeWorldTest, KeepsAListenerWhileAProcessHoldsItAfterTheDaemonDied) {
  auto daemon = std::make_unique<FakeProcessSpawner>(processes_);
  UniqueFd listener = FakeListenerFactory(network_).bind_tcp(kPort).value();
  LaunchSpec spec = a_program();
  spec.descriptors = {{listener.get(), 3}};
  const ProcessIdentity who = daemon->spawn(spec, {}).value();

  daemon.reset();
  listener.close();

  EXPECT_TRUE(network_.is_held(kPort));
  EXPECT_EQ(network_.address_of(processes_.descriptor_of(who, 3)), "127.0.0.1:21000");
  processes_.end(who, FakeProcesses::killed_by(SIGKILL));
  EXPECT_FALSE(network_.is_held(kPort));
}

TEST_F(FakeWorldTest, RefusesPortsAndPathsOfOtherPrograms) {
  FakeListenerFactory listeners(network_);
  network_.occupy(kPort);
  network_.occupy("/run/socket");

  EXPECT_THAT(listeners.bind_tcp(kPort), FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_THAT(listeners.bind_unix("/run/socket", {}), FailsWith(ErrorCode::kAlreadyExists));
  network_.vacate(kPort);
  network_.abandon("/run/socket");

  EXPECT_THAT(listeners.bind_tcp(kPort), IsOk());
  EXPECT_THAT(listeners.bind_unix("/run/socket", {}), IsOk());
}

TEST_F(FakeWorldTest, CannotReachASocketWhoseFileIsGone) {
  const UniqueFd listener =
      FakeListenerFactory(network_).bind_unix_packets("/run/socket", {}).value();
  EXPECT_TRUE(network_.is_reachable("/run/socket"));

  ASSERT_THAT(files_.remove("/run/socket"), IsOk());

  EXPECT_TRUE(network_.is_held("/run/socket"));
  EXPECT_THAT(hub_.connect("/run/socket", 0), FailsWith(ErrorCode::kNotFound));
}

TEST_F(FakeWorldTest, LetsConnectionsWaitUntilTheProgramListens) {
  const UniqueFd listener =
      FakeListenerFactory(network_).bind_unix_packets("/run/socket", {}).value();
  const auto client = hub_.connect("/run/socket", 0).value();
  ASSERT_THAT(client->send("early", {}), IsOk());
  reactor_.settle();
  std::unique_ptr<FdChannel> server;
  std::vector<std::string> messages;

  hub_.listen("/run/socket", [&](std::unique_ptr<FdChannel> channel) {
    server = std::move(channel);
    server->start({[&](std::string text, auto) { messages.push_back(text); }, {}});
  });
  reactor_.settle();

  EXPECT_THAT(messages, ElementsAre("early"));
  EXPECT_THAT(hub_.sent("/run/socket"), ElementsAre("early"));
}

TEST_F(FakeWorldTest, BreaksEveryConnectionOfAPath) {
  std::unique_ptr<FdChannel> server;
  FakeChannelHub hub(reactor_);
  hub.listen("/run/socket", [&](auto channel) { server = std::move(channel); });
  const auto client = hub.connect("/run/socket", 0).value();
  int closes = 0;
  client->start({{}, [&] { ++closes; }});
  reactor_.settle();

  hub.drop("/run/socket");
  reactor_.settle();

  EXPECT_EQ(closes, 1);
  EXPECT_THAT(client->send("x", {}), FailsWith(ErrorCode::kUnavailable));
}

TEST_F(FakeWorldTest, HoldsMessagesUntilTheyAreReleased) {
  FakeChannelHub::Pair ends = hub_.make_pair();
  std::vector<std::string> messages;
  ends.second->start({[&](std::string text, auto) { messages.push_back(text); }, {}});
  hub_.hold();
  ASSERT_THAT(ends.first->send("slow", {}), IsOk());
  reactor_.settle();
  EXPECT_THAT(messages, IsEmpty());

  hub_.release();
  reactor_.settle();

  EXPECT_THAT(messages, ElementsAre("slow"));
}

TEST_F(FakeWorldTest, LetsAProgramDecideWhatASignalDoes) {
  FakeProcessSpawner spawner(processes_);
  std::vector<ProcessExit> exits;
  processes_.on_signal = [&](const ProcessIdentity& who, int number) {
    if (number == SIGUSR1) {
      processes_.end(who, FakeProcesses::exited(7));
    }
    return true;
  };
  const auto who = spawner.spawn(a_program(), [&](ProcessExit how) { exits.push_back(how); });

  ASSERT_THAT(spawner.signal_group(*who, SIGTERM), IsOk());
  reactor_.settle();
  EXPECT_TRUE(processes_.is_alive(*who));
  ASSERT_THAT(spawner.signal_group(*who, SIGUSR1), IsOk());
  reactor_.settle();

  EXPECT_THAT(exits, ElementsAre(FakeProcesses::exited(7)));
  EXPECT_THAT(processes_.signals(), SizeIs(2));
}

TEST_F(FakeWorldTest, NeverMistakesARecycledNumberOrAnotherBoot) {
  FakeProcessSpawner spawner(processes_);
  const ProcessIdentity who = spawner.spawn(a_program(), {}).value();
  processes_.end(who, FakeProcesses::exited(0));
  const ProcessIdentity other = processes_.start_foreign(who.pid);

  EXPECT_THAT(spawner.adopt(who, {}), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(spawner.signal_group(who, SIGKILL), IsOk());
  reactor_.settle();
  EXPECT_TRUE(processes_.is_alive(other));
  processes_.reboot();

  EXPECT_THAT(spawner.adopt(other, {}), FailsWith(ErrorCode::kNotFound));
}

TEST_F(FakeWorldTest, FailsTheCallThatWasChosen) {
  files_.fail_at(2, Error(ErrorCode::kInternal, "cannot write: the disk is broken"));

  EXPECT_THAT(files_.replace_atomically("/run/a", "1", kPrivateFile), IsOk());
  EXPECT_THAT(files_.replace_atomically("/run/a", "2", kPrivateFile),
              FailsWith(ErrorCode::kInternal));
  EXPECT_EQ(files_.content_of("/run/a"), "1");
  files_.fill_disk();

  EXPECT_THAT(files_.replace_atomically("/run/a", "3", kPrivateFile),
              FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(files_.remove("/run/a"), IsOk());
}

/// Two files that a program writes one after the other.
void write_both(FileSystem& files) {
  (void)files.replace_atomically("/run/a", "x", kPrivateFile);  // its failure is not the point
  (void)files.replace_atomically("/run/b", "x", kPrivateFile);  // the same
}

TEST_F(FakeWorldTest, KillsTheDaemonBeforeOrAfterTheEffectOfACall) {
  struct Case {
    std::size_t call;
    KillPoint point;
    std::vector<std::string> left;
  };
  const std::vector<Case> cases = {{1, KillPoint::kBeforeEffect, {}},
                                   {1, KillPoint::kAfterEffect, {"a"}},
                                   {2, KillPoint::kBeforeEffect, {"a"}},
                                   {2, KillPoint::kAfterEffect, {"a", "b"}}};
  for (const Case& one : cases) {
    FakeFileSystem disk;
    ASSERT_THAT(disk.make_directory("/run", kPrivateDirectory), IsOk());
    FaultPlan plan;
    FaultyFileSystem faulty(disk, plan);
    plan.kill_at(one.call, one.point);

    EXPECT_THROW(write_both(faulty), DaemonKilled);

    EXPECT_THAT(disk.list("/run"), IsOkAnd(one.left));
    EXPECT_THAT(faulty.remove("/run/a"), FailsWith(ErrorCode::kCancelled));
    EXPECT_THAT(disk.list("/run"), IsOkAnd(one.left)) << "the dead have no effect";
  }
}

TEST_F(FakeWorldTest, CountsTheCallsOfAllSeamsTogether) {
  FaultPlan plan;
  FakeProcessSpawner processes(processes_);
  FakeListenerFactory network(network_);
  FaultyFileSystem files(files_, plan);
  FaultyProcessSpawner spawner(processes, plan);
  FaultyListenerFactory listeners(network, plan);
  plan.fail_at(3, Error(ErrorCode::kResourceExhausted, "cannot start: no memory"));

  EXPECT_THAT(files.list("/run"), IsOk());
  EXPECT_THAT(listeners.bind_tcp(kPort), IsOk());
  EXPECT_THAT(spawner.spawn(a_program(), {}), FailsWith(ErrorCode::kResourceExhausted));

  EXPECT_THAT(plan.names(), ElementsAre("list /run", "bind 21000", "spawn /usr/bin/voice-runtime"));
  EXPECT_THAT(processes_.running(), IsEmpty());
}

TEST_F(FakeWorldTest, LosesWithAConnectionWhatHasNotArrived) {
  int heard = 0;
  int closed = 0;
  FakeChannelHub::Pair pair = hub_.make_pair();
  pair.second->start(
      {[&](const std::string&, std::vector<UniqueFd>) { ++heard; }, [&] { ++closed; }});

  ASSERT_THAT(pair.first->send("one", {}), IsOk());
  hub_.cut("");
  reactor_.settle();

  EXPECT_EQ(heard, 0);
  EXPECT_EQ(closed, 1);
  EXPECT_TRUE(pair.first->send("two", {}).has_error());
}

TEST_F(FakeWorldTest, LeavesHalfOfWhatIsNotAtomicWhenPowerGoesInTheMiddle) {
  files_.put("/run/a/1", "one");
  files_.put("/run/a/2", "two");

  files_.tear("replace /run/a/1");
  EXPECT_EQ(files_.content_of("/run/a/1"), "one");
  EXPECT_TRUE(files_.content_of("/run/a/.1.new").has_value());

  files_.tear("remove /run/a");
  EXPECT_TRUE(files_.content_of("/run/a/.1.new").has_value());
  EXPECT_FALSE(files_.content_of("/run/a/2").has_value());

  files_.tear("mkdir /run/b/c");
  EXPECT_NE(files_.find("/run/b"), nullptr);
  EXPECT_EQ(files_.find("/run/b/c"), nullptr);
}

TEST(FaultPlanTest, LosesPowerInTheMiddleOfTheCallThatIsChosen) {
  FaultPlan plan;
  std::string torn;
  bool has_happened = false;
  plan.kill_at(1, KillPoint::kInTheMiddle);
  plan.on_torn = [&](std::string_view name) { torn = name; };

  EXPECT_THROW((void)plan.run("remove /a",
                              [&]() -> Status {
                                has_happened = true;
                                return ok_status();
                              }),
               DaemonKilled);

  EXPECT_EQ(torn, "remove /a");
  EXPECT_FALSE(has_happened);
  EXPECT_TRUE(plan.is_killed());
}

}  // namespace
}  // namespace voicectl
