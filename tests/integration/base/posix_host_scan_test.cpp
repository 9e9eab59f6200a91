// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_host_scan.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <utility>

#include "base/os/posix_listener_factory.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/without_descriptors.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

class HostScanTest : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& text) {
    const std::string path = folder.path(name);
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }
  FileFacts look(const std::string& path) {
    const Result<std::optional<FileFacts>> seen = scan.look(path);
    EXPECT_THAT(seen, IsOk());
    return seen.has_value() && *seen ? **seen : FileFacts{};
  }

  /// A child that does nothing for long, as it is seen.
  ProcessFacts start_sleeper() {
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl("/bin/sleep", "sleep", "300", nullptr);
      ::_exit(127);
    }
    // Until exec it is a copy of us, and amid exec it has no arguments.
    while (true) {
      for (ProcessFacts& process : scan.processes()) {
        if (process.pid == child && process.arguments.front() == "sleep") {
          return std::move(process);
        }
      }
    }
  }

  /// `act`s on the file until the clock by which its file system notes that has gone on.
  template <typename Act>
  void touch(const std::string& path, const Act& act) {
    const FileStamp before = stamp_of(look(path));
    do {
      act(path);
    } while (stamp_of(look(path)) == before);
  }

  TempDir folder;
  PosixHostScan scan;
  PosixListenerFactory listeners;
};

TEST_F(HostScanTest, SeesWhatIsAtAPathAndDoesNotFollowLinks) {
  const std::string path = put("a", "text");
  const std::string link = folder.path("link");
  ASSERT_EQ(::symlink("/etc/passwd", link.c_str()), 0);

  EXPECT_EQ(look(path).kind, FileKind::kFile);
  EXPECT_EQ(look(path).mode, 0600U);
  EXPECT_EQ(look(path).uid, ::getuid());
  EXPECT_EQ(look(folder.path()).kind, FileKind::kFolder);
  EXPECT_EQ(look(link).kind, FileKind::kLink);
  EXPECT_EQ(look(link).target, "/etc/passwd");
  EXPECT_EQ(*scan.look(folder.path("nothing")), std::nullopt);
  EXPECT_EQ(*scan.look(path + "/below"), std::nullopt);
}

TEST_F(HostScanTest, EveryTouchOfAFileIsAnotherTime) {
  const std::string path = put("a", "text");
  const FileFacts before = look(path);

  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);

  EXPECT_EQ(look(path).identity, before.identity);
  EXPECT_GE(look(path).changed_ns, before.changed_ns);
  EXPECT_FALSE(look(path) == before);
}

TEST_F(HostScanTest, AGlanceTellsWhichOfManyFilesWereTouched) {
  constexpr int kFolders = 40;  // more than are kept open
  constexpr int kFiles = 80;
  std::vector<std::string> paths;
  for (int i = 0; i < kFolders; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_EQ(::mkdir(folder.path(name).c_str(), 0700), 0);
    ASSERT_EQ(::mkdir(folder.path(name + "/tenant").c_str(), 0700), 0);
    for (int j = 0; j < kFiles; ++j) {
      paths.push_back(put(name + "/tenant/" + std::to_string(j), "text"));
    }
  }
  paths.push_back(folder.path("nothing"));
  paths.push_back(folder.path("nothing/below"));
  paths.push_back(folder.path("comes"));
  std::vector<HostScan::Seen> seen;
  for (const std::string& path : paths) {
    const Result<std::optional<FileFacts>> facts = scan.look(path);
    ASSERT_THAT(facts, IsOk());
    seen.push_back({&path, stamp_of(*facts)});
  }
  EXPECT_THAT(scan.glance(seen)->touched(), IsEmpty());

  touch(paths[3], [](const std::string& path) { ::chmod(path.c_str(), 0640); });
  touch(paths[70], [](const std::string& path) { std::ofstream(path) << "same"; });
  ASSERT_EQ(::unlink(paths[1500].c_str()), 0);
  ASSERT_EQ(::rename(put("other", "text").c_str(), paths[2999].c_str()), 0);
  touch(paths[3100], [](const std::string& path) {
    ::link(path.c_str(), (path + "+").c_str());
    ::unlink((path + "+").c_str());
  });
  put("comes", "text");

  EXPECT_THAT(scan.glance(seen)->touched(),
              ElementsAre(3U, 70U, 1500U, 2999U, 3100U, paths.size() - 1));
}

TEST_F(HostScanTest, AGlanceThatNobodyWaitsForEnds) {
  const std::string path = put("a", "text");
  const std::vector<HostScan::Seen> seen(100'000, HostScan::Seen{&path, stamp_of(look(path))});
  scan.glance(seen).reset();
  EXPECT_THAT(scan.glance({})->touched(), IsEmpty());
}

TEST_F(HostScanTest, SetsTheAccessOfWhatWasSeenAndOfNothingElse) {
  const std::string path = put("a", "text");
  const FileFacts seen = look(path);

  EXPECT_THAT(scan.set_access(path, seen, FileMode{0400}, std::nullopt), IsOk());
  EXPECT_EQ(look(path).mode, 0400U);

  const std::string other = put("other", "text");
  ASSERT_EQ(::rename(other.c_str(), path.c_str()), 0);
  EXPECT_THAT(scan.set_access(path, seen, FileMode{0444}, std::nullopt),
              FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(look(path).mode, 0600U);
}

TEST_F(HostScanTest, AFileWithASecondNameIsLeftAlone) {
  const std::string path = put("a", "text");
  ASSERT_EQ(::link(path.c_str(), folder.path("b").c_str()), 0);

  EXPECT_THAT(scan.set_access(path, look(path), FileMode{0644}, std::nullopt),
              FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(look(path).mode, 0600U);
}

TEST_F(HostScanTest, ALinkInTheFilesPlaceIsNotFollowed) {
  const std::string victim = put("victim", "text");
  const std::string path = put("a", "text");
  const FileFacts seen = look(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink(victim.c_str(), path.c_str()), 0);

  EXPECT_THAT(scan.set_access(path, seen, FileMode{0666}, std::nullopt),
              FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(look(victim).mode, 0600U);
}

TEST_F(HostScanTest, KnowsWhichFileASocketIsBoundToAlsoWhenAnotherHasItsName) {
  const std::string path = folder.path("s.sock");
  const Result<UniqueFd> first = listeners.bind_unix(path, {});
  ASSERT_THAT(first, IsOk());
  const std::optional<FileIdentity> bound = scan.bound_files({first->get()}).front();
  if (!bound) {
    GTEST_SKIP() << "this kernel does not tell (sock_diag for unix sockets)";
  }
  EXPECT_EQ(bound, look(path).identity);

  ASSERT_EQ(::unlink(path.c_str()), 0);
  const Result<UniqueFd> second = listeners.bind_unix(path, {});
  ASSERT_THAT(second, IsOk());

  EXPECT_THAT(scan.bound_files({first->get()}), ElementsAre(bound));
  EXPECT_THAT(scan.bound_files({second->get()}), ElementsAre(look(path).identity));
  // Asked together, and with what is no socket or bound to none.
  const UniqueFd unbound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_THAT(scan.bound_files({second->get(), 0, unbound.get(), first->get()}),
              ElementsAre(look(path).identity, std::nullopt, std::nullopt, bound));
  EXPECT_THAT(scan.bound_files({}), IsEmpty());
}

TEST_F(HostScanTest, SeesListenersAndWhoHasThem) {
  Result<UniqueFd> listener = Error(ErrorCode::kInternal, "cannot be: not tried");
  std::uint16_t number = 0;
  for (std::int64_t port = 24100; listener.has_error() && port < 24200; ++port) {
    listener = listeners.bind_tcp(*Port::make(port));
    number = static_cast<std::uint16_t>(port);
  }
  ASSERT_THAT(listener, IsOk());
  const std::optional<std::uint64_t> inode = scan.socket_inode(listener->get());
  ASSERT_TRUE(inode);

  EXPECT_THAT(scan.listeners(), Contains(Eq(ListenerFacts{number, *inode, ::getuid()})));
  EXPECT_THAT(scan.sockets(::getpid()), Optional(Contains(*inode)));
  EXPECT_THAT(scan.sockets(::getpid()), Optional(Not(Contains(*inode + 1'000'000))));
  EXPECT_EQ(scan.sockets(4'000'000), std::nullopt);
}

TEST_F(HostScanTest, SeesProcessesAndEndsExactlyTheOneThatWasMeant) {
  const ProcessFacts found = start_sleeper();
  const pid_t child = found.pid;

  EXPECT_EQ(found.parent, ::getpid());
  EXPECT_EQ(found.uid, ::getuid());
  EXPECT_THAT(found.arguments, ElementsAre("sleep", "300"));
  EXPECT_THAT(scan.signal_process(child, found.start_ticks + 1, SIGKILL), IsOk());
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "another process of that number was meant";
  EXPECT_THAT(scan.signal_process(child, found.start_ticks, SIGTERM), IsOk());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(scan.signal_process(child, found.start_ticks, SIGTERM), IsOk()) << "it is gone";
}

TEST_F(HostScanTest, AProcessThatCannotBeHeldForWantOfDescriptorsDoesNotCountAsGone) {
  VC_NEEDS_NO_DESCRIPTORS();
  const ProcessFacts sleeper = start_sleeper();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none_left = before;
  none_left.rlim_cur = 0;

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const Status refused = scan.signal_process(sleeper.pid, sleeper.start_ticks, SIGKILL);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

  EXPECT_THAT(refused, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(scan.signal_process(sleeper.pid, sleeper.start_ticks, SIGKILL), IsOk());
  EXPECT_EQ(::waitpid(sleeper.pid, nullptr, 0), sleeper.pid);
}

}  // namespace
}  // namespace voicectl
