// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/event_loop.h"
#include "tests/bench/load/histogram.h"

namespace voicectl::bench {

struct LoadPlan {
  std::uint16_t port = 0;
  std::size_t connections = 64;
  /// Not measured; longer than a just-in-time compiler takes.
  Duration warm_up = std::chrono::seconds(1);
  Duration length = std::chrono::seconds(5);
  /// Ends earlier after that many requests; 0 for no such end.
  std::uint64_t most = 0;
  /// Requests per second; 0 sends the next one of a connection when the one before was answered.
  double rate = 0;
  /// So many of them are due at a time, and none until it is the next ones' turn.
  std::uint64_t burst = 1;
  int expected_status = 200;
  /// 429 is no error, and counted apart.
  bool may_be_refused = false;
  /// The measured process.
  int pid = 0;
};

struct LoadOutcome {
  /// From the moment when a request was to be sent, so that a stalled server is not spared.
  Histogram latency;
  std::uint64_t answers = 0;
  std::uint64_t refused = 0;
  std::uint64_t errors = 0;
  /// The first unexpected answer, to be shown.
  std::string first_error;
  Duration measured{0};
  Duration server_cpu{0};
  Duration own_cpu{0};
};

/// Sends requests over keep-alive connections and takes the time until their answers.
class HttpLoad {
 public:
  struct Hooks {
    /// The bytes of a request; called once for each. Valid until the next call.
    std::function<std::string_view(std::uint64_t number)> request;
    /// May be empty. `number` is the request's.
    std::function<void(std::uint64_t number, const HttpMessage& answer)> on_answer;
    /// May be empty: a request is due at `at`, is about to be sent.
    std::function<void(std::uint64_t number, MonoTime at)> on_send;
  };
  HttpLoad(EventLoop& loop, LoadPlan plan, Hooks hooks);
  ~HttpLoad();

  LoadOutcome run();

 private:
  class Caller;
  enum class Phase { kWarmUp, kMeasuring, kEnding };

  MonoTime on_turn(MonoTime at);
  void begin_measuring(MonoTime at);
  void end_measuring(MonoTime at);
  void send_due(MonoTime at);
  /// When the next request is due.
  MonoTime next_due() const;
  void start(Caller& caller, MonoTime due);
  void take(Caller& caller, const HttpMessage& answer);
  bool is_sending() const;
  void note_error(std::string text);

  EventLoop& loop_;
  LoadPlan plan_;
  Hooks hooks_;
  Phase phase_ = Phase::kWarmUp;
  MonoTime begin_{};
  std::uint64_t sent_ = 0;
  std::uint64_t due_ = 0;
  std::size_t busy_ = 0;
  std::vector<std::unique_ptr<Caller>> callers_;
  /// In turn: nginx closes a connection after a thousand requests.
  std::deque<Caller*> idle_;
  std::deque<MonoTime> late_;
  LoadOutcome outcome_;
};

}  // namespace voicectl::bench
