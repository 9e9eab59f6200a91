// SPDX-License-Identifier: Apache-2.0
// What a tenant is said to hold of its process's memory, while it comes and goes.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kCalls = 20;

class TenantMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.limits = R"({"concurrent_sessions":50})";
    Result<RuntimeFixture::Served> served = world_.open("acme");
    ASSERT_THAT(served, IsOk());
    acme_ = std::move(*served);
  }
  void TearDown() override {
    live_.clear();
    world_.close(acme_);
  }

  TenantMemory held() const { return acme_.host->load().memory; }

  void begin_sessions() {
    for (std::size_t i = 0; i < kCalls; ++i) {
      const HttpResponse created =
          world_.create_session(acme_, fmt::format("request-{}", next_request_++));
      ASSERT_EQ(created.status, 201) << created.body;
      sessions_.push_back(created.body);
    }
  }
  void listen_to_them() {
    for (const std::string& created : sessions_) {
      live_.push_back(std::make_unique<WebSocketClient>(
          world_.reactor(), acme_.port,
          "/ws/sessions/" + member(created, "session_id") + "?token=" + member(created, "token")));
    }
    ASSERT_TRUE(
        world_.run_until([&] { return acme_.host->load().websockets == sessions_.size(); }));
  }
  void end_sessions() {
    for (const std::string& created : sessions_) {
      ASSERT_EQ(world_
                    .send(acme_, "DELETE", "/api/sessions/" + member(created, "session_id"), "",
                          {{"X-API-Key", "acme-staff"}})
                    .status,
                200);
    }
  }
  /// The connection that the test asks by may stay open.
  void expect_few_connections_left() {
    EXPECT_TRUE(world_.run_until([&] { return acme_.host->load().websockets == 0; }));
    EXPECT_TRUE(world_.run_until([&] { return acme_.host->load().connections <= 1; }));
  }

  static std::uint64_t resident() {
    std::uint64_t size = 0;
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> size >> pages;
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
  int next_request_ = 0;
  std::vector<std::string> sessions_;
  std::vector<std::unique_ptr<WebSocketClient>> live_;
};

TEST_F(TenantMemoryTest, GrowsWithSessionsAndConnectionsAndShrinksAfterThem) {
  const TenantMemory idle = held();

  begin_sessions();
  const TenantMemory with_sessions = held();
  EXPECT_GE(with_sessions.sessions, idle.sessions + kCalls * sizeof(Session));
  EXPECT_GT(with_sessions.answers, idle.answers) << "for requests that are repeated";
  EXPECT_GT(with_sessions.total(), idle.total());

  listen_to_them();
  const TenantMemory with_sockets = held();
  EXPECT_GE(with_sockets.connections, with_sessions.connections + kCalls * 256);
  EXPECT_GT(with_sockets.total(), with_sessions.total());
  EXPECT_LT(with_sockets.total(), resident());

  end_sessions();
  live_.clear();
  expect_few_connections_left();
  const TenantMemory after = held();
  EXPECT_LT(after.connections, with_sockets.connections / 4);
  EXPECT_LT(after.total(), with_sockets.total());
  EXPECT_LT(after.total(), resident());
}

TEST_F(TenantMemoryTest, CallsThatFollowEachOtherDoNotAddUpConnections) {
  std::uint64_t most = 0;
  for (int round = 0; round < 5; ++round) {
    sessions_.clear();
    begin_sessions();
    listen_to_them();
    most = most == 0 ? held().connections : most;
    EXPECT_LE(held().connections, 2 * most) << "round " << round;
    end_sessions();
    live_.clear();
    expect_few_connections_left();
  }
}

}  // namespace
}  // namespace voicectl::runtime
