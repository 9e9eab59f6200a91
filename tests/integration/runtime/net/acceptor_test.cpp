// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/acceptor.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "tests/support/real_loop.h"

namespace voicectl {
namespace {

TEST(AcceptorTest, NoConnectionLingersThoughTheListenerWasMadeTo) {
  RealLoop loop;
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  const linger for_ever{1, 1000};
  ASSERT_EQ(::setsockopt(listener.get(), SOL_SOCKET, SO_LINGER, &for_ever, sizeof for_ever), 0);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), generic, size), 0);
  std::optional<UniqueFd> accepted;

  Acceptor acceptor(loop.reactor(), UniqueFd::foreign(listener.release()),
                    {[&](UniqueFd socket) { accepted = std::move(socket); }, [] {}});
  loop.run_until([&] { return accepted.has_value(); });

  ASSERT_TRUE(accepted.has_value());
  linger found{1, 1};
  size = sizeof found;
  ASSERT_EQ(::getsockopt(accepted->get(), SOL_SOCKET, SO_LINGER, &found, &size), 0);
  EXPECT_EQ(found.l_onoff, 0);
}

}  // namespace
}  // namespace voicectl
