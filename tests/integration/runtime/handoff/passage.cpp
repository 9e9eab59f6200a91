// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/handoff/passage.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/check.h"
#include "runtime/net/websocket_codec.h"

namespace voicectl::handoff {

std::string ping(std::string_view payload) {
  std::string frame;
  append_masked_frame(frame, Opcode::kPing, payload, 0x01020304);
  return frame;
}

std::string pong(std::string_view payload) {
  std::string frame;
  append_frame(frame, Opcode::kPong, payload);
  return frame;
}

Passage::Passage() {
  world.limits =
      R"({"concurrent_sessions":50,"api_requests":100000,"api_requests_per_key":100000})";
  // Whoever waits for a message that a test holds back waits for the test.
  times.offer = times.batch = times.open = times.freeze = std::chrono::seconds(20);
  Result<runtime::RuntimeFixture::Served> served = world.open("acme");
  VC_CHECK(served.has_value(), "the tenant can be opened");
  source = std::move(*served);
}

Passage::~Passage() {
  giving.reset();
  getting.reset();
}

std::unique_ptr<runtime::TenantHost> Passage::prepare_target() {
  runtime::TenantLease lease{next_,
                             world.config_path("acme"),
                             world.data_folder("acme"),
                             {},
                             source.host->tcp_listener().duplicate()};
  Result<std::unique_ptr<runtime::TenantHost>> host = runtime::TenantHost::prepare(
      world.deps(), world.offload(), std::move(lease), [](const std::optional<Error>&) {});
  VC_CHECK(host.has_value(), "the tenant can be prepared");
  return std::move(*host);
}

HandOverOrder Passage::order() const {
  return {*TenantId::parse("acme"),      source.host->config().generation,  next_,
          FencingToken{next_.value + 1}, std::chrono::milliseconds(10'000), progress_every};
}

std::pair<UniqueFd, UniqueFd> Passage::prepare() {
  next_ = FencingToken{token_ + 1};
  token_ += 2;
  report.reset();
  target_error.reset();
  is_target_over = false;
  auto pair = channels_.make_pair();
  VC_CHECK(pair.has_value(), "two sockets can be had");
  return std::move(*pair);
}

void Passage::make_target(UniqueFd socket) {
  getting = std::make_unique<HandoffTarget>(
      world.reactor(), prepare_target(),
      std::make_unique<StagedChannel>(channels_.adopt(std::move(socket)), stage), times,
      [this](Result<HandoffTarget::Taken> taken) {
        is_target_over = true;
        if (taken.has_value()) {
          moved = std::move(taken->host);
        } else {
          target_error = taken.error();
        }
      });
  getting->start();
}

void Passage::make_source(UniqueFd socket) {
  giving = std::make_unique<HandoffSource>(
      world.reactor(), *source.host,
      std::make_unique<StagedChannel>(channels_.adopt(std::move(socket)), stage), order(), times,
      [this](const HandOverReport& seen) { report = seen; });
  giving->when_further([this](const HandOverProgress& seen) { progress.push_back(seen); });
  giving->start();
}

void Passage::begin() {
  auto [first, second] = prepare();
  make_target(std::move(second));
  make_source(std::move(first));
}

std::unique_ptr<FdChannel> Passage::begin_target_only() {
  auto [first, second] = prepare();
  make_target(std::move(second));
  return channels_.adopt(std::move(first));
}

std::unique_ptr<FdChannel> Passage::begin_source_only() {
  auto [first, second] = prepare();
  make_source(std::move(first));
  return channels_.adopt(std::move(second));
}

bool Passage::reach(PeerMessage type) {
  stage.stop_at(type);
  begin();
  return world.run_until([this] { return stage.is_stopped(); });
}

void Passage::finish() {
  stage.go_on();
  ASSERT_TRUE(world.run_until(
      [this] { return (report || giving == nullptr) && (is_target_over || getting == nullptr); }));
  giving.reset();
  getting.reset();
  if (moved && report && report->is_handed_over) {
    bool has_left = false;
    source.host->leave([&] { has_left = true; });
    ASSERT_TRUE(world.run_until([&] { return has_left; }));
    source.host = std::move(moved);
  }
}

void Passage::kill_target() {
  getting.reset();
}

void Passage::kill_source() {
  giving.reset();
  source.host.reset();
}

std::unique_ptr<BytePeer> Passage::follower(const std::string& path) {
  auto made = peer();
  made->upgrade("acme-staff", path);
  EXPECT_TRUE(world.run_until([&] { return made->has_head(); }));
  EXPECT_NE(made->received().find(" 101 "), std::string::npos) << made->received();
  made->forget_head();
  return made;
}

HttpResponse Passage::create_session() {
  return world.send(port(), "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                    {{"X-API-Key", "acme-widget"}});
}

}  // namespace voicectl::handoff
