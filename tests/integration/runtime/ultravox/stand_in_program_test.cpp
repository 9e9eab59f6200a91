// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_process_spawner.h"
#include "runtime/net/http_client.h"
#include "runtime/net/loopback_listener.h"
#include "tests/integration/runtime/net/net_fixture.h"
#include "tests/support/temp_dir.h"

namespace voicectl::ultravox::test {
namespace {

using ::testing::HasSubstr;
using voicectl::test::Loop;

/// The built program in a process of its own.
class ProgramTest : public ::testing::Test {
 protected:
  void run(std::vector<std::string> arguments) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    out_ = UniqueFd(pipe[0]);
    const UniqueFd inner(pipe[1]);
    LaunchSpec spec;
    spec.argv = {STAND_IN_PROGRAM};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.descriptors = {{inner.get(), STDOUT_FILENO}, {inner.get(), STDERR_FILENO}};
    const auto process = spawner_.spawn(spec, [this](ProcessExit exit) { exit_ = exit; });
    ASSERT_TRUE(process.has_value()) << process.error().text();
    process_ = *process;
    watch_ = loop_.reactor().watch_readable(out_.get(), [this] { read(); });
  }

  void TearDown() override {
    loop_.reactor().unwatch(watch_);
    if (!exit_) {
      EXPECT_TRUE(spawner_.signal_group(process_, SIGKILL).has_value());
      EXPECT_TRUE(ends());
    }
  }

  bool ends() {
    return loop_.run_until([this] { return exit_.has_value(); });
  }

  /// The address that the program prints first.
  std::string address() {
    EXPECT_TRUE(loop_.run_until([this] { return printed_.find('\n') != std::string::npos; }));
    const auto line = parse_json(printed_.substr(0, printed_.find('\n')));
    return line.has_value() ? string_or(*line, "listening", "") : "";
  }

  int ask(const std::string& method, const std::string& url, HttpHeaders headers) {
    HttpCall call;
    call.method = method;
    call.url = url;
    call.headers = std::move(headers);
    call.body = method == "POST" ? "{}" : "";
    std::optional<Result<HttpResponse>> answer;
    http_.send(std::move(call), [&](Result<HttpResponse> got) { answer = std::move(got); });
    EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
    return answer->has_value() ? (*answer)->status : 0;
  }

  void read() {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(out_.get(), buffer.data(), buffer.size());
    if (size > 0) {
      printed_.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }

  Loop loop_;
  PosixProcessSpawner spawner_{loop_.reactor(), loop_.reactor()};
  HttpClient http_{loop_.reactor()};
  UniqueFd out_;
  WatchId watch_{};
  ProcessIdentity process_;
  std::optional<ProcessExit> exit_;
  std::string printed_;
};

TEST_F(ProgramTest, SaysWhereItListensAndEndsWhenAsked) {
  run({"--listen", "127.0.0.1:0", "--pace", "fast"});
  const std::string base = "http://" + address();

  EXPECT_EQ(ask("GET", base + "/health", {}), 200);
  EXPECT_EQ(ask("POST", base + "/api/calls", {}), 201);

  ASSERT_TRUE(spawner_.signal_group(process_, SIGTERM).has_value());
  ASSERT_TRUE(ends());
  EXPECT_EQ(exit_->code, 0);
}

TEST_F(ProgramTest, AsksForTheKeyInTheFile) {
  PosixFileSystem files;
  const TempDir folder;
  ASSERT_TRUE(files.replace_atomically(folder.path("key"), "secret\n", kPrivateFile).has_value());
  run({"--api-key-file", folder.path("key")});
  const std::string base = "http://" + address();

  EXPECT_EQ(ask("POST", base + "/api/calls", {}), 403);
  EXPECT_EQ(ask("POST", base + "/api/calls", {{"X-Api-Key", "secret"}}), 201);
}

TEST_F(ProgramTest, RefusesToListenForOtherMachines) {
  run({"--listen", "0.0.0.0:0"});

  ASSERT_TRUE(ends());
  EXPECT_EQ(exit_->code, 1);
  EXPECT_TRUE(loop_.run_until([&] { return printed_.find("0.0.0.0") != std::string::npos; }));
  EXPECT_THAT(printed_, HasSubstr("cannot listen at '0.0.0.0:0'"));
}

TEST_F(ProgramTest, RefusesAFolderWithABrokenScript) {
  PosixFileSystem files;
  const TempDir folder;
  ASSERT_TRUE(files.replace_atomically(folder.path("a.yaml"), "name: x", kPrivateFile).has_value());
  run({"--scripts", folder.path()});

  ASSERT_TRUE(ends());
  EXPECT_EQ(exit_->code, 1);
  EXPECT_TRUE(loop_.run_until([&] { return printed_.find("a.yaml") != std::string::npos; }));
}

TEST(ListenAddressTest, IsOnThisMachineOnly) {
  for (const char* address :
       {"127.0.0.1", "0.0.0.0:1", "example.com:80", "127.0.0.1:x", ":0", "127.0.0.1:70000", ""}) {
    const auto listener = listen_at(address);
    ASSERT_TRUE(listener.has_error()) << address;
    EXPECT_EQ(listener.error().code(), ErrorCode::kInvalidArgument) << address;
  }
}

TEST(ListenAddressTest, SaysThatAPortIsTaken) {
  const auto first = listen_at("localhost:0");
  ASSERT_TRUE(first.has_value());

  const auto second = listen_at(first->address);

  ASSERT_TRUE(second.has_error());
  EXPECT_EQ(second.error().code(), ErrorCode::kAlreadyExists);
}

TEST(ListenAddressTest, GoesOnWithAListenerThatWasInherited) {
  auto first = listen_at("127.0.0.1:0");
  ASSERT_TRUE(first.has_value());
  UniqueFd copy = first->socket.duplicate();

  const auto inherited = inherit_listener(copy.release());

  ASSERT_TRUE(inherited.has_value());
  EXPECT_EQ(inherited->address, first->address);
  EXPECT_TRUE(inherit_listener(0).has_error());
}

}  // namespace
}  // namespace voicectl::ultravox::test
