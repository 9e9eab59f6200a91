// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_listener_factory.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "tests/support/contract_listener_factory.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

/// A port that was free a moment ago.
Port find_free_port() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return *Port::make(ntohs(address.sin_port));
}

UniqueFd connect_tcp(Port port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.value());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), generic, sizeof address) == 0 ? std::move(socket) : UniqueFd();
}

UniqueFd connect_unix(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), generic, sizeof address) == 0 ? std::move(socket) : UniqueFd();
}

class RealListenerWorld final : public ListenerWorld {
 public:
  ListenerFactory& listeners() override { return factory_; }
  Port free_port() override { return find_free_port(); }
  std::string root() const override { return folder_.path(); }
  void put_file(const std::string& path) override { std::ofstream(path) << "x"; }

 private:
  TempDir folder_;
  PosixListenerFactory factory_;
};

std::unique_ptr<ListenerWorld> make_real() {
  return std::make_unique<RealListenerWorld>();
}

INSTANTIATE_TEST_SUITE_P(Posix, ListenerContract, ::testing::Values(&make_real));

class PosixListenerFactoryTest : public ::testing::Test {
 protected:
  TempDir folder_;
  PosixListenerFactory factory_;
};

TEST_F(PosixListenerFactoryTest, LetsConnectionsWaitWhileNobodyAccepts) {
  const Port port = find_free_port();
  const auto tcp = factory_.bind_tcp(port);
  const auto local = factory_.bind_unix(folder_.path("socket"), {});
  ASSERT_THAT(tcp, IsOk());
  ASSERT_THAT(local, IsOk());

  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 50; ++i) {
    waiting.push_back(connect_tcp(port));
    waiting.push_back(connect_unix(folder_.path("socket")));
  }

  EXPECT_THAT(waiting, ::testing::Each(::testing::Property(&UniqueFd::is_open, true)));
}

TEST_F(PosixListenerFactoryTest, MakesSocketsThatNeitherBlockNorLeakIntoPrograms) {
  const auto tcp = factory_.bind_tcp(find_free_port());
  const auto local = factory_.bind_unix(folder_.path("socket"), {});

  for (const int fd : {tcp->get(), local->get()}) {
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(PosixListenerFactoryTest, BindsAgainWhileOldConnectionsLingerInTimeWait) {
  const Port port = find_free_port();
  {
    auto first = factory_.bind_tcp(port);
    const UniqueFd client = connect_tcp(port);
    UniqueFd server(::accept(first->get(), nullptr, nullptr));
    server.close();  // the listener's side closes first and therefore keeps the port in TIME_WAIT
    factory_.close(std::move(*first));
  }

  EXPECT_THAT(factory_.bind_tcp(port), IsOk());
}

TEST_F(PosixListenerFactoryTest, GivesTheFileItsModeAndGroupWhateverTheUmask) {
  SocketAccess access{FileMode{0660}, ::getgid()};
  const mode_t before = ::umask(0077);
  const auto listener = factory_.bind_unix(folder_.path("socket"), access);
  ::umask(before);
  ASSERT_THAT(listener, IsOk());

  struct stat about {};
  ASSERT_EQ(::lstat(folder_.path("socket").c_str(), &about), 0);
  EXPECT_TRUE(S_ISSOCK(about.st_mode));
  EXPECT_EQ(about.st_mode & 07777, 0660U);
  EXPECT_EQ(about.st_gid, ::getgid());
}

TEST_F(PosixListenerFactoryTest, LeavesNoFileWhenTheGroupCannotBeGiven) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may give a file to every group";
  }

  EXPECT_THAT(factory_.bind_unix(folder_.path("socket"), {FileMode{0660}, 0}),
              FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_NE(::access(folder_.path("socket").c_str(), F_OK), 0);
}

TEST_F(PosixListenerFactoryTest, RefusesLowPortsWithoutTheRight) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may bind every port";
  }
  std::ifstream limit("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  int first_free = 0;
  if (!(limit >> first_free) || first_free <= 1) {
    GTEST_SKIP() << "this machine gives low ports to everybody";
  }

  EXPECT_THAT(factory_.bind_tcp(*Port::make(1)), FailsWith(ErrorCode::kPermissionDenied));
}

TEST_F(PosixListenerFactoryTest, DescribesADescriptorThatCameFromElsewhere) {
  const auto listener = factory_.bind_unix_packets(folder_.path("socket"), {});
  ASSERT_THAT(listener, IsOk());

  EXPECT_EQ(PosixListenerFactory().describe(listener->duplicate()),
            "unix:" + folder_.path("socket"));
  EXPECT_EQ(factory_.describe(UniqueFd()), "");
}

}  // namespace
}  // namespace voicectl
