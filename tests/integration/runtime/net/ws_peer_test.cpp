// SPDX-License-Identifier: Apache-2.0
// Our server against a WebSocket implementation that is not ours.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <string>

#include "base/os/posix_process_spawner.h"
#include "tests/integration/runtime/net/net_fixture.h"

namespace voicectl::test {
namespace {

using testing::HasSubstr;

TEST(WsPeerTest, FindsNothingWrongWithOurServer) {
  Loop loop;
  ConnectionLimits limits;
  limits.message_bytes = 1U << 20;
  limits.unsent_bytes = 16U << 20;
  EchoServer echo(loop, limits);
  PosixProcessSpawner spawner(loop.reactor(), loop.reactor());
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd output(ends[0]);
  const UniqueFd input(ends[1]);
  LaunchSpec spec;
  spec.argv = {VOICECTL_NODE, VOICECTL_WS_PEER, echo.port().str()};
  spec.environment = {{"NODE_PATH", "/usr/share/nodejs:/usr/lib/nodejs"}};
  spec.descriptors = {{input.get(), STDOUT_FILENO}, {input.get(), STDERR_FILENO}};
  std::optional<ProcessExit> exit;

  const auto process = spawner.spawn(spec, [&exit](ProcessExit how) { exit = how; });
  ASSERT_TRUE(process.has_value()) << process.error().text();
  ASSERT_TRUE(loop.run_until([&exit] { return exit.has_value(); }));

  char text[4096] = {};
  (void)!::read(output.get(), text, sizeof text - 1);
  EXPECT_THAT(text, HasSubstr("ok 22"));
  EXPECT_THAT(echo.close_codes, testing::ElementsAre(4001));
}

}  // namespace
}  // namespace voicectl::test
