// SPDX-License-Identifier: Apache-2.0
// A tenant's WebSockets against a client that is not ours: how it is told what it did wrong.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/crypto.h"
#include "base/os/posix_process_spawner.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

/// What a process prints, while it prints it.
class Output {
 public:
  explicit Output(AsioReactor& reactor) : reactor_(reactor) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    output_ = UniqueFd(ends[0]);
    input_ = UniqueFd(ends[1]);
    watch_ = reactor_.watch_readable(output_.get(), [this] {
      char bytes[4096];
      const ssize_t count = ::read(output_.get(), bytes, sizeof bytes);
      text_.append(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
    });
  }
  ~Output() { reactor_.unwatch(watch_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  int input() const { return input_.get(); }
  const std::string& text() const { return text_; }

 private:
  AsioReactor& reactor_;
  UniqueFd output_;
  UniqueFd input_;
  WatchId watch_{};
  std::string text_;
};

class LivePeerTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { acme_ = std::move(*world_.open("acme")); }
  void TearDown() override { world_.close(acme_); }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
};

TEST_P(LivePeerTest, IsToldByCodeWhatItDidWrong) {
  std::string path = GetParam();
  if (const std::size_t at = path.find("{session}"); at != std::string::npos) {
    path.replace(at, 9, member(world_.create_session(acme_).body, "session_id"));
  }
  Output output(world_.reactor());
  PosixProcessSpawner spawner(world_.reactor(), world_.reactor());
  LaunchSpec spec;
  spec.argv = {VOICECTL_NODE, VOICECTL_LIVE_PEER,
               "ws://127.0.0.1:" + std::to_string(acme_.port) + path + "?token=acme-staff"};
  spec.environment = {{"NODE_PATH", "/usr/share/nodejs:/usr/lib/nodejs"}};
  spec.descriptors = {{output.input(), STDOUT_FILENO}, {output.input(), STDERR_FILENO}};
  std::optional<ProcessExit> exit;
  const auto process = spawner.spawn(spec, [&exit](ProcessExit how) { exit = how; });
  ASSERT_TRUE(process.has_value()) << process.error().text();
  const auto has_printed = [&](const std::string& text) {
    return world_.run_until([&] { return exit || output.text().find(text) != std::string::npos; });
  };

  ASSERT_TRUE(has_printed("waiting\n"));
  // Codes as docs/reference/websocket.md has them.
  for (const char* line : {"nothing 1000 ", "longest 1000 ", "binary 1003 ", "bad-utf8 1007 ",
                           "half-utf8 1007 ", "surrogate 1007 ", "too-long 1009 ",
                           "too-long-in-pieces 1009 ", "unmasked 1002 ", "reserved 1002 "}) {
    EXPECT_THAT("\n" + output.text(), HasSubstr("\n" + std::string(line)));
  }
  EXPECT_EQ(output.text().find("failed"), std::string::npos) << output.text();

  const Json admin = {{"id", "admin"}, {"sha256", sha256_hex("acme-admin")}, {"scope", "admin"}};
  world_.write_keys("acme", std::vector<Json>{admin});
  ASSERT_THAT(acme_.host->reload_keys(), IsOk());

  EXPECT_TRUE(has_printed("waiting 1008 the API key was revoked\n")) << output.text();
  EXPECT_TRUE(world_.run_until([&] { return exit.has_value(); }));
}

INSTANTIATE_TEST_SUITE_P(Channels,
                         LivePeerTest,
                         ::testing::Values("/ws/staff", "/ws/sessions/{session}"),
                         [](const auto& channel) {
                           return channel.param == "/ws/staff" ? std::string("Staff")
                                                               : std::string("Session");
                         });

}  // namespace
}  // namespace voicectl::runtime
