// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_process_spawner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/os/unique_fd.h"
#include "tests/support/contract_process_spawner.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

LaunchSpec scripted(std::vector<std::string> arguments) {
  LaunchSpec spec;
  spec.argv = {VOICECTL_SCRIPTED_CHILD};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  return spec;
}

class RealProcessWorld final : public ProcessWorld {
 public:
  ProcessSpawner& spawner() override { return *spawner_; }
  void restart_daemon() override {
    spawner_.reset();
    spawner_ = make_spawner();
  }
  LaunchSpec program(std::vector<std::string> arguments) override {
    return scripted(std::move(arguments));
  }
  void run_until(const std::function<bool()>& condition) override { loop_.run_until(condition); }
  void settle() override { loop_.run_for(5ms); }

 private:
  std::unique_ptr<PosixProcessSpawner> make_spawner() {
    return std::make_unique<PosixProcessSpawner>(loop_.reactor(), loop_.reactor());
  }

  RealLoop loop_;
  std::unique_ptr<PosixProcessSpawner> spawner_ = make_spawner();
};

std::unique_ptr<ProcessWorld> make_real() {
  return std::make_unique<RealProcessWorld>();
}

INSTANTIATE_TEST_SUITE_P(Posix, ProcessSpawnerContract, ::testing::Values(&make_real));

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reading = UniqueFd(ends[0]);
    writing = UniqueFd(ends[1]);
  }
  /// All that is written until every other end is closed.
  std::string read_all() {
    writing.close();
    std::string text;
    std::array<char, 4096> buffer{};
    ssize_t count = 0;
    while ((count = ::read(reading.get(), buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  UniqueFd reading;
  UniqueFd writing;
};

class PosixProcessSpawnerTest : public ::testing::Test {
 protected:
  /// What a program started with `spec` finds around itself, by name.
  std::map<std::string, std::string> report_of(LaunchSpec spec) {
    Pipe pipe;
    spec.descriptors.push_back({pipe.writing.get(), 3});
    std::vector<std::string> exits;
    const auto who = spawner_.spawn(spec, [&](ProcessExit how) { exits.push_back(how.str()); });
    EXPECT_THAT(who, IsOk());
    std::map<std::string, std::string> found;
    std::istringstream lines(pipe.read_all());
    for (std::string line; std::getline(lines, line);) {
      const std::size_t sign = line.find('=');
      found[line.substr(0, sign)] += line.substr(sign + 1) + (line.starts_with("env") ? "," : "");
    }
    loop_.run_until([&] { return !exits.empty(); });
    EXPECT_THAT(exits, ElementsAre("exited with 0"));
    return found;
  }

  RealLoop loop_;
  PosixProcessSpawner spawner_{loop_.reactor(), loop_.reactor()};
};

TEST_F(PosixProcessSpawnerTest, StartsAProgramInACleanRoom) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  ::sigaction(SIGPIPE, &ignore, &before);
  sigset_t some{};
  ::sigemptyset(&some);
  ::sigaddset(&some, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &some, nullptr);
  const int leaky = ::open("/dev/null", O_RDONLY);  // not close-on-exec, as a library might do

  const auto found = report_of(scripted({"report"}));
  ::close(leaky);
  ::sigaction(SIGPIPE, &before, nullptr);
  ::pthread_sigmask(SIG_UNBLOCK, &some, nullptr);

  EXPECT_EQ(found.at("descriptors"), "0 1 2 3 ");
  EXPECT_EQ(found.at("signals"), "");
  EXPECT_EQ(found.at("streams"), "/dev/null /dev/null /dev/null ");
  EXPECT_EQ(found.at("leads_session"), "1");
  EXPECT_EQ(found.at("leads_group"), "1");
  EXPECT_EQ(found.at("no_new_privs"), "1");
  EXPECT_EQ(found.at("folder"), "/");
  EXPECT_EQ(found.count("environment"), 0U);
}

TEST_F(PosixProcessSpawnerTest, GivesTheWholeEnvironmentAndTheFolder) {
  TempDir folder;
  LaunchSpec spec = scripted({"report"});
  spec.environment = {{"A", "1"}, {"B", "two words"}};
  spec.working_directory = folder.path();

  const auto found = report_of(spec);

  EXPECT_EQ(found.at("environment"), "A=1,B=two words,");
  EXPECT_EQ(found.at("folder"), folder.path());
}

TEST_F(PosixProcessSpawnerTest, PlacesDescriptorsThatStandInEachOthersWay) {
  Pipe first;
  Pipe second;
  LaunchSpec spec = scripted({"report"});
  // Each wants the number that the other one has here.
  spec.descriptors = {{first.writing.get(), second.writing.get()},
                      {second.writing.get(), first.writing.get()},
                      {first.writing.get(), 1}};

  const auto found = report_of(spec);

  const std::string expected = "0 1 2 3 " + std::to_string(first.writing.get()) + " " +
                               std::to_string(second.writing.get()) + " ";
  EXPECT_EQ(found.at("descriptors"), expected);
  EXPECT_THAT(found.at("streams"), HasSubstr("pipe:["));
}

TEST_F(PosixProcessSpawnerTest, LimitsDescriptorsAndMemory) {
  LaunchSpec spec = scripted({"report"});
  spec.max_descriptors = 123;
  spec.max_address_space = Bytes{1ULL << 30};

  const auto found = report_of(spec);

  EXPECT_EQ(found.at("files"), "123:123");
  EXPECT_EQ(found.at("space"), std::to_string(1ULL << 30));
}

TEST_F(PosixProcessSpawnerTest, StepsBackAsFarAsIsAskedAndNeverForward) {
  const int ours = ::getpriority(PRIO_PROCESS, 0);
  for (const int asked : {0, 19}) {
    LaunchSpec spec = scripted({"report"});
    spec.niceness = asked;

    EXPECT_EQ(report_of(spec).at("niceness"), std::to_string(std::max(ours, asked)));
  }
}

TEST_F(PosixProcessSpawnerTest, LimitsToWhatTheHostAllows) {
  LaunchSpec spec = scripted({"report"});
  spec.max_descriptors = 1ULL << 40;
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);

  const auto found = report_of(spec);

  EXPECT_EQ(found.at("files"),
            std::to_string(usual.rlim_max) + ":" + std::to_string(usual.rlim_max));
}

TEST_F(PosixProcessSpawnerTest, BecomesAnotherUserWithoutGroupsWhereRoot) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root may become another user";
  }
  LaunchSpec spec = scripted({"report"});
  spec.user = UserIds{65534, 65533};
  TempDir folder;
  const std::string program = folder.path("child");
  std::filesystem::copy_file(VOICECTL_SCRIPTED_CHILD, program);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  spec.argv.front() = program;

  const auto found = report_of(spec);

  EXPECT_EQ(found.at("user"), "65534:65534:65533:65533:0");
}

TEST_F(PosixProcessSpawnerTest, RefusesToBecomeAnotherUserWithoutTheRight) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may";
  }
  LaunchSpec spec = scripted({"report"});
  spec.user = UserIds{0, 0};

  EXPECT_THAT(spawner_.spawn(spec, {}), FailsWith(ErrorCode::kPermissionDenied));
}

TEST_F(PosixProcessSpawnerTest, TellsWhyAProgramCannotBeStarted) {
  TempDir folder;
  std::ofstream(folder.path("plain")) << "text";
  LaunchSpec not_executable;
  not_executable.argv = {folder.path("plain")};
  LaunchSpec no_folder = scripted({"report"});
  no_folder.working_directory = folder.path("missing");

  EXPECT_THAT(spawner_.spawn(not_executable, {}), FailsWith(ErrorCode::kPermissionDenied));
  const auto in_no_folder = spawner_.spawn(no_folder, {});
  EXPECT_THAT(in_no_folder, FailsWith(ErrorCode::kInternal));
  EXPECT_THAT(in_no_folder.error().text(), HasSubstr(folder.path("missing")));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child that was never a program remains";
}

TEST_F(PosixProcessSpawnerTest, SignalsTheWholeGroup) {
  Pipe pipe;
  LaunchSpec spec = scripted({"family"});
  spec.descriptors.push_back({pipe.writing.get(), 3});
  std::vector<std::string> exits;
  const auto who = spawner_.spawn(spec, [&](ProcessExit how) { exits.push_back(how.str()); });
  ASSERT_THAT(who, IsOk());
  pipe.writing.close();
  std::array<char, 16> number{};
  ASSERT_GT(::read(pipe.reading.get(), number.data(), number.size()), 0);
  ASSERT_TRUE(spawner_.identify(std::stoi(number.data())).has_value());

  ASSERT_THAT(spawner_.signal_group(*who, SIGTERM), IsOk());
  ASSERT_TRUE(loop_.run_until([&] { return !exits.empty(); }));

  EXPECT_THAT(exits, ElementsAre("killed by signal 15"));
  EXPECT_EQ(pipe.read_all(), "") << "both ends close only when both processes are gone";
}

TEST_F(PosixProcessSpawnerTest, ReadsTheStartOfAProcessWhoseNameIsMadeToConfuse) {
  TempDir folder;
  const std::string program = folder.path("a) R 1 (b");
  std::filesystem::copy_file(VOICECTL_SCRIPTED_CHILD, program);
  LaunchSpec spec;
  spec.argv = {program, "wait"};
  bool is_gone = false;
  const auto who = spawner_.spawn(spec, [&](ProcessExit) { is_gone = true; });
  ASSERT_THAT(who, IsOk());

  const auto found = spawner_.identify(who->pid);
  const auto self = spawner_.identify(::getpid());
  EXPECT_THAT(spawner_.signal_group(*who, SIGKILL), IsOk());
  loop_.run_until([&] { return is_gone; });

  EXPECT_EQ(found, *who);
  ASSERT_TRUE(self.has_value());
  EXPECT_GE(who->start_ticks, self->start_ticks);
  EXPECT_LT(who->start_ticks, self->start_ticks + 100 * 3600);
}

TEST_F(PosixProcessSpawnerTest, TellsTheStatusOfAnAdoptedStrangerAsUnknown) {
  // A process whose parent is not us: the middle one ends, and init takes the last one over.
  Pipe pipe;
  const int middle = ::fork();
  if (middle == 0) {
    if (::fork() == 0) {
      const int self = ::getpid();
      const bool told = ::write(pipe.writing.get(), &self, sizeof self) == sizeof self;
      while (told) {
        ::pause();
      }
    }
    ::_exit(0);
  }
  ::waitpid(middle, nullptr, 0);
  int stranger = 0;
  ASSERT_EQ(::read(pipe.reading.get(), &stranger, sizeof stranger),
            static_cast<ssize_t>(sizeof stranger));
  const auto who = spawner_.identify(stranger);
  ASSERT_TRUE(who.has_value());
  std::vector<ProcessExit> exits;

  ASSERT_THAT(spawner_.adopt(*who, [&](ProcessExit how) { exits.push_back(how); }), IsOk());
  ::kill(stranger, SIGKILL);
  ASSERT_TRUE(loop_.run_until([&] { return !exits.empty(); }));

  EXPECT_THAT(exits, ElementsAre(ProcessExit{}));
  EXPECT_EQ(exits.front().str(), "ended (status unknown: adopted)");
}

TEST_F(PosixProcessSpawnerTest, KeepsNoDescriptorOfAProcessThatEnded) {
  const auto count = [] {
    const auto all = std::filesystem::directory_iterator("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = count();
  int exits = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(spawner_.spawn(scripted({"exit", "0"}), [&](ProcessExit) { ++exits; }), IsOk());
  }

  ASSERT_TRUE(loop_.run_until([&] { return exits == 20; }));

  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace voicectl
