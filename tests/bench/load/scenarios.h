// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/bench/load/event_loop.h"
#include "tests/bench/load/fake_services.h"
#include "tests/bench/load/follower.h"
#include "tests/bench/load/http_load.h"

namespace voicectl::bench {

/// The measured server, and what to ask of it.
struct Subject {
  std::uint16_t port = 0;
  int pid = 0;
  std::string tenant;
  std::string api_key;
  Flavour flavour = Flavour::kPlain;
  /// Adds a header X-Request-Id with a number of its own to each request, as the edge does.
  bool numbers_requests = false;
};

struct MadeSession {
  std::string session;
  std::string token;
  std::string tool_token;
};

/// Each makes what it needs, loads the subject and answers an object of figures.
class Scenarios {
 public:
  Scenarios(EventLoop& loop, FakeServices& fakes, Subject subject);

  /// Tool calls of `sessions` sessions in turn.
  Json tools(LoadPlan plan, std::size_t sessions);
  /// Creations of sessions.
  Json sessions(LoadPlan plan);
  /// Memory of `count` WebSockets that nothing happens on.
  Json idle(std::size_t count);
  /// One call per session and second, and how long its event takes to the session's WebSocket,
  /// counted from the moment when the call was due.
  Json events(std::size_t sessions, Duration warm_up, Duration length);

 private:
  std::vector<MadeSession> make_sessions(std::size_t count);
  std::string creation_request() const;
  std::string tool_request(const MadeSession& session) const;
  /// The request with its number, if they are numbered.
  std::string_view numbered(const std::string& request, std::uint64_t number);
  void hold_open(std::vector<std::unique_ptr<Follower>>& followers,
                 std::size_t count,
                 const std::vector<MadeSession>& sessions,
                 const Follower::Hooks& hooks,
                 const std::size_t& open);
  void wait(Duration length);

  EventLoop& loop_;
  FakeServices& fakes_;
  Subject subject_;
  std::string buffer_;
};

}  // namespace voicectl::bench
