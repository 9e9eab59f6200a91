// SPDX-License-Identifier: Apache-2.0
// HolderStore and the real program.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/os/posix_file_system.h"
#include "base/os/posix_listener_factory.h"
#include "base/os/posix_process_spawner.h"
#include "base/os/process_identity.h"
#include "provisioner/holder/holder_store.h"
#include "provisioner/holder/protocol.h"
#include "tests/integration/provisioner/holder/real_holder_world.h"
#include "tests/support/contract_descriptor_store.h"
#include "tests/support/matchers.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::IsEmpty;

std::unique_ptr<DescriptorStoreWorld> make_real_world() {
  return std::make_unique<RealHolderWorld>();
}

INSTANTIATE_TEST_SUITE_P(RealHolder, DescriptorStoreContract, ::testing::Values(make_real_world));

class HolderProgramTest : public ::testing::Test {
 protected:
  HolderProgramTest() : store(world.restart()) {
    bool is_open = false;
    store.open({[] {}, [](const Error& error) { ADD_FAILURE() << error.text(); }},
               [&](const std::vector<KeptDescriptors>&) { is_open = true; });
    world.run_until([&] { return is_open; });
    world.settle();
  }
  /// Another visitor of the holder, and what it hears.
  std::unique_ptr<FdChannel> visit(std::vector<std::string>& heard) {
    auto channel = world.channels().connect(world.folder().path("holder.sock"));
    EXPECT_THAT(channel, IsOk());
    (*channel)->start(
        {[&heard](std::string text, std::vector<UniqueFd>) { heard.push_back(std::move(text)); },
         [&heard] { heard.emplace_back("closed"); }});
    return std::move(*channel);
  }

  RealHolderWorld world;
  DescriptorStore& store;
};

TEST_F(HolderProgramTest, HoldsNoDescriptorThatItWasNotGiven) {
  const ProcessIdentity who = *world.identity();
  std::vector<std::string> open;
  const auto look = [&] {
    open.clear();
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(who.pid) + "/fd")) {
      std::error_code gone;
      const std::string what = std::filesystem::read_symlink(entry.path(), gone).string();
      if (!gone && what != "/dev/null") {
        open.push_back(what.substr(0, what.find(':')));
      }
    }
    return open.size() == 3;
  };
  // Whoever asked before us is let go a moment later.
  (void)world.run_until(look);
  // Its listener, its clock, and us.
  EXPECT_THAT(open, ::testing::UnorderedElementsAre("socket", "anon_inode", "socket"));
}

TEST_F(HolderProgramTest, AConnectionWaitsForWhoeverComesNext) {
  PosixListenerFactory factory;
  const std::string path = world.folder().path("t.sock");
  {
    const UniqueFd listener = *factory.bind_unix(path, SocketAccess{});
    store.put("tenant/acme", {listener.get()});
  }
  world.settle();
  sockaddr_un address{AF_UNIX, {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << "nobody but the holder has the listener";

  DescriptorStore& next = world.restart();
  UniqueFd listener;
  next.open({[] {}, [](const Error&) {}}, [&](std::vector<KeptDescriptors> kept) {
    listener = std::move(kept.at(0).descriptors.at(0));
  });
  world.run_until([&] { return listener.is_open(); });

  EXPECT_TRUE(UniqueFd(::accept(listener.get(), nullptr, nullptr)).is_open());
}

TEST_F(HolderProgramTest, RefusesWhatItDoesNotUnderstandAndGoesOn) {
  std::vector<std::string> heard;
  const auto channel = visit(heard);
  for (const std::string& text :
       {std::string("nonsense"), std::string("put"), std::string("put a"), std::string("put "),
        "put " + std::string(300, 'x'), std::string("\0\0", 2), std::string(" "),
        std::string("listen")}) {
    ASSERT_THAT(channel->send(text, {}), IsOk());
  }
  ASSERT_THAT(channel->send("list", {}), IsOk());
  world.run_until([&] { return !heard.empty() && heard.back().starts_with("end"); });

  EXPECT_EQ(heard.size(), 9U);
  EXPECT_EQ(heard.back(), "end 0 " + std::to_string(holder::kVersion));
}

TEST_F(HolderProgramTest, AVisitorThatDoesNotReadHoldsUpNobody) {
  const UniqueFd file = some_open_file();
  for (int i = 0; i < 2000; ++i) {
    store.put("name-" + std::to_string(i), {file.get()});
  }
  world.settle();
  auto deaf = world.channels().connect(world.folder().path("holder.sock"));
  ASSERT_THAT(deaf, IsOk());
  ASSERT_THAT((*deaf)->send("list", {}), IsOk());
  std::vector<std::string> heard;
  const auto channel = visit(heard);
  ASSERT_THAT(channel->send("list", {}), IsOk());

  world.run_until([&] { return !heard.empty() && heard.back().starts_with("end"); });

  EXPECT_EQ(heard.size(), 2001U);
}

/// Another holder, which looks every second whether it can still be found.
class WatchfulHolder {
 public:
  explicit WatchfulHolder(RealHolderWorld& world)
      : world_(world), spawner_(world.loop().reactor(), world.loop().reactor()) {
    LaunchSpec spec;
    spec.argv = {VOICECTL_HOLDER, "--socket", path(), "--check-seconds", "1"};
    spec.descriptors = {FdGrant{listener_.get(), holder::kListenerDescriptor}};
    const Result<ProcessIdentity> who =
        spawner_.spawn(spec, [this](const ProcessExit& exit) { has_ended_ = exit.code == 0; });
    EXPECT_THAT(who, IsOk());
    // It has its clock: by then it has looked which file is its own.
    world_.run_until([&who] { return who.has_error() || has_a_clock(who->pid); });
  }

  std::string path(const std::string& name = "h.sock") const { return folder_.path(name); }
  UniqueFd bind_at(const std::string& name) {
    return *factory_.bind_unix_packets(path(name), SocketAccess{});
  }
  bool ends() {
    world_.run_until([this] { return has_ended_; });
    return has_ended_;
  }

 private:
  static bool has_a_clock(int pid) {
    std::error_code gone;
    const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", pid), gone);
    return !gone && std::any_of(begin(all), end(all), [&gone](const auto& entry) {
      return std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:[timerfd]";
    });
  }

  RealHolderWorld& world_;
  TempDir folder_;
  PosixListenerFactory factory_;
  PosixProcessSpawner spawner_;
  UniqueFd listener_ = bind_at("h.sock");
  bool has_ended_ = false;
};

TEST_F(HolderProgramTest, EndsWhenItsRunFolderIsGone) {
  WatchfulHolder other(world);

  std::filesystem::remove(other.path());

  EXPECT_TRUE(other.ends());
}

TEST_F(HolderProgramTest, EndsWhenAnotherIsFoundInItsPlace) {
  WatchfulHolder other(world);

  // Some file systems give it the number of the one before.
  std::filesystem::remove(other.path());
  const UniqueFd successor = other.bind_at("h.sock");

  EXPECT_TRUE(other.ends());
}

TEST_F(HolderProgramTest, EndsWhenNobodyNeedsIt) {
  TempDir folder;
  PosixListenerFactory factory;
  PosixProcessSpawner spawner(world.loop().reactor(), world.loop().reactor());
  const UniqueFd listener = *factory.bind_unix_packets(folder.path("h.sock"), SocketAccess{});
  LaunchSpec spec;
  spec.argv = {VOICECTL_HOLDER, "--socket", folder.path("h.sock"), "--check-seconds", "1",
               "--idle-checks", "2"};
  spec.descriptors = {FdGrant{listener.get(), holder::kListenerDescriptor}};
  bool has_ended = false;
  ASSERT_THAT(spawner.spawn(spec, [&](const ProcessExit& exit) { has_ended = exit.code == 0; }),
              IsOk());

  world.run_until([&] { return has_ended; });

  EXPECT_TRUE(has_ended);
  EXPECT_TRUE(world.is_alive(*world.identity())) << "the one that we visit stays";
}

TEST_F(HolderProgramTest, SaysHowItIsUsed) {
  PosixProcessSpawner spawner(world.loop().reactor(), world.loop().reactor());
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {}, {"--socket"}, {"--socket", "/x", "--check-seconds", "0"}, {"--what", "1"}}) {
    LaunchSpec spec;
    spec.argv = {VOICECTL_HOLDER};
    spec.argv.insert(spec.argv.end(), words.begin(), words.end());
    std::optional<int> code;
    ASSERT_THAT(spawner.spawn(spec, [&](const ProcessExit& exit) { code = exit.code; }), IsOk());
    world.run_until([&] { return code.has_value(); });
    EXPECT_EQ(code, 2);
  }
}

}  // namespace
}  // namespace voicectl
