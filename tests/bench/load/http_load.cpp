// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/http_load.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tests/bench/load/process_figures.h"

namespace voicectl::bench {
namespace {

/// How long answers are waited for once the time is over.
constexpr Duration kLastAnswers = std::chrono::seconds(3);
constexpr std::size_t kShownError = 300;
constexpr int kTooManyRequests = 429;

}  // namespace

class HttpLoad::Caller final : public Stream {
 public:
  Caller(HttpLoad& load, EventLoop& loop, UniqueFd socket)
      : Stream(loop, std::move(socket)), load_(load) {}

  MonoTime due{};
  std::uint64_t number = 0;
  bool is_busy = false;
  bool is_measured = false;

 private:
  std::size_t on_received(std::string_view bytes) override {
    const HttpMessage answer = take_message(bytes);
    if (answer.size > 0) {
      load_.take(*this, answer);
    }
    return answer.size;
  }
  void on_closed() override { load_.note_error("the server closed the connection"); }

  HttpLoad& load_;
};

HttpLoad::HttpLoad(EventLoop& loop, LoadPlan plan, Hooks hooks)
    : loop_(loop), plan_(plan), hooks_(std::move(hooks)) {
  for (std::size_t i = 0; i < plan_.connections; ++i) {
    callers_.push_back(std::make_unique<Caller>(*this, loop_, dial(plan_.port)));
    idle_.push_back(callers_.back().get());
  }
}

HttpLoad::~HttpLoad() = default;

LoadOutcome HttpLoad::run() {
  begin_ = now();
  loop_.run([this](MonoTime at) { return on_turn(at); },
            [this] {
              return phase_ == Phase::kEnding &&
                     (busy_ == 0 || now() > begin_ + plan_.length + kLastAnswers);
            });
  return std::move(outcome_);
}

bool HttpLoad::is_sending() const {
  return phase_ != Phase::kEnding && (plan_.most == 0 || sent_ < plan_.most);
}

MonoTime HttpLoad::on_turn(MonoTime at) {
  if (phase_ == Phase::kWarmUp && at >= begin_ + plan_.warm_up) {
    begin_measuring(at);
  }
  const bool is_done = plan_.most > 0 && sent_ >= plan_.most && busy_ == 0;
  if (phase_ == Phase::kMeasuring && (is_done || at >= begin_ + plan_.length)) {
    end_measuring(at);
  }
  if (plan_.rate > 0) {
    send_due(at);
    return next_due();
  }
  while (is_sending() && !idle_.empty()) {
    Caller& caller = *idle_.front();
    idle_.pop_front();
    start(caller, at);
  }
  return at + std::chrono::milliseconds(20);
}

void HttpLoad::begin_measuring(MonoTime at) {
  phase_ = Phase::kMeasuring;
  begin_ = at;
  due_ = 0;
  outcome_.server_cpu = cpu_time_of(plan_.pid);
  outcome_.own_cpu = own_cpu_time();
}

void HttpLoad::end_measuring(MonoTime at) {
  phase_ = Phase::kEnding;
  outcome_.measured = at - begin_;
  outcome_.server_cpu = cpu_time_of(plan_.pid) - outcome_.server_cpu;
  outcome_.own_cpu = own_cpu_time() - outcome_.own_cpu;
}

MonoTime HttpLoad::next_due() const {
  const std::uint64_t before = due_ - due_ % plan_.burst;
  const auto offset = std::chrono::duration<double>(static_cast<double>(before) / plan_.rate);
  return begin_ + std::chrono::duration_cast<Duration>(offset);
}

void HttpLoad::send_due(MonoTime at) {
  while (is_sending()) {
    const MonoTime due = next_due();
    if (due > at) {
      return;
    }
    ++due_;
    if (idle_.empty()) {
      late_.push_back(due);
      continue;
    }
    Caller& caller = *idle_.front();
    idle_.pop_front();
    start(caller, due);
  }
}

void HttpLoad::start(Caller& caller, MonoTime due) {
  caller.due = due;
  caller.number = sent_++;
  caller.is_busy = true;
  caller.is_measured = phase_ == Phase::kMeasuring;
  ++busy_;
  if (hooks_.on_send) {
    hooks_.on_send(caller.number, due);
  }
  caller.send(hooks_.request(caller.number));
}

void HttpLoad::take(Caller& caller, const HttpMessage& answer) {
  const MonoTime at = now();
  caller.is_busy = false;
  --busy_;
  const int status = status_of(answer);
  const bool counts = caller.is_measured && phase_ == Phase::kMeasuring;
  if (status == kTooManyRequests && plan_.may_be_refused) {
    outcome_.refused += counts ? 1 : 0;
  } else if (status != plan_.expected_status) {
    note_error(fmt::format("{} {}", answer.start_line, answer.body));
  } else if (counts) {
    ++outcome_.answers;
    outcome_.latency.record(at - caller.due);
  }
  if (hooks_.on_answer) {
    hooks_.on_answer(caller.number, answer);
  }
  if (!late_.empty() && is_sending()) {
    start(caller, late_.front());
    late_.pop_front();
  } else if (plan_.rate == 0 && is_sending()) {
    start(caller, at);
  } else {
    idle_.push_back(&caller);
  }
}

void HttpLoad::note_error(std::string text) {
  ++outcome_.errors;
  if (outcome_.first_error.empty()) {
    outcome_.first_error = text.substr(0, kShownError);
  }
}

}  // namespace voicectl::bench
