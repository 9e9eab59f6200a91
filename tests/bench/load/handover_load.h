// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tests/bench/load/event_loop.h"
#include "tests/bench/load/histogram.h"

namespace voicectl::bench {

/// What callers of one tenant do while it changes its instance.
struct HandoverPlan {
  std::uint16_t port = 0;
  std::string host;
  std::string admin_key;
  std::size_t connections = 200;
  Duration length = std::chrono::seconds(10);
  /// Pings per second over all connections: how often a pause has a chance to be seen. A peer may
  /// send no more than six a second.
  double pings = 800;
  /// Sessions that are created each second; each makes events for every connection.
  double sessions = 10;
  /// A socket that was closed comes back at once, as a client would, and is counted.
  bool reconnects = true;
};

/// WebSockets that follow a tenant's events, ping, and check every number; and requests beside
/// them.
///
/// Every tenth connection sends its frames in two halves, and every tenth a fragmented text with a
/// ping between the fragments.
class HandoverLoad {
 public:
  HandoverLoad(EventLoop& loop, HandoverPlan plan);
  ~HandoverLoad();

  /// Opens everything, says "ready" on standard error, and goes on until its time is over.
  Json run();

 private:
  class Socket;
  class Requester;
  friend class Socket;
  friend class Requester;

  MonoTime on_turn(MonoTime at);
  void open_some();
  void send_pings(MonoTime at);
  void reopen(std::size_t place);
  /// No event is on its way to some of the sockets.
  bool all_heard_the_same() const;
  Json figures() const;

  EventLoop& loop_;
  HandoverPlan plan_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  /// Closed ones, until the turn after.
  std::vector<std::unique_ptr<Socket>> closed_;
  std::unique_ptr<Requester> requester_;
  std::size_t opening_ = 0;
  std::size_t open_ = 0;
  bool is_ready_ = false;
  MonoTime begin_{};
  MonoTime next_ping_{};
  std::size_t next_place_ = 0;
  std::size_t next_to_open_ = 0;

  Histogram round_trips_;
  Histogram request_times_;
  std::vector<Duration> longest_;
  std::uint64_t events_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t doubled_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t pongs_missing_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t failed_ = 0;
  std::string first_failure_;
};

}  // namespace voicectl::bench
