// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/handover_load.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl::bench {
namespace {

constexpr std::size_t kOpeningAtOnce = 64;
constexpr unsigned kContinuation = 0;
constexpr unsigned kText = 1;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

constexpr std::string_view kCustomer =
    R"({"customer_name":"Alex Rivera","customer_phone":"+15550123"})";

/// A masked frame of a client; a mask of zeros is one.
std::string frame(unsigned opcode, std::string_view payload, bool is_final = true) {
  std::string out;
  out += static_cast<char>((is_final ? 0x80U : 0U) | opcode);
  out += static_cast<char>(0x80U | payload.size());
  out.append(4, '\0');
  out += payload;
  return out;
}

/// What a ping holds, and its pong.
struct PingMark {
  MonoTime::rep sent_at = 0;
  /// From 1 on each WebSocket.
  std::uint64_t number = 0;
};

std::string mark_text(const PingMark& mark) {
  return std::string(reinterpret_cast<const char*>(&mark), sizeof mark);
}

}  // namespace

/// One WebSocket on the tenant's channel.
class HandoverLoad::Socket final : public Stream {
 public:
  Socket(HandoverLoad& load, std::size_t place, std::uint64_t after)
      : Stream(load.loop_, dial(load.plan_.port)), load_(load), place_(place), last_(after) {
    const std::string from = after == 0 ? "" : fmt::format("?after={}", after);
    send(fmt::format(
        "GET /ws/staff{} HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        from, load.plan_.host, load.plan_.admin_key));
  }

  std::uint64_t last() const { return last_; }
  bool is_upgraded() const { return is_upgraded_; }
  std::size_t awaited() const { return awaited_; }

  void ping(MonoTime at) {
    if (!is_upgraded_ || !is_open()) {
      return;
    }
    finish_frame();
    std::string bytes = frame(kPing, mark_text({at.time_since_epoch().count(), ++pinged_}));
    ++awaited_;
    const std::size_t kind = place_ % 10;
    if (kind == 1) {
      second_half_ = bytes.substr(5);
      bytes.resize(5);
    } else if (kind == 2 && ++texts_ % 8 == 0) {
      bytes = frame(kText, "fr", false) + bytes + frame(kContinuation, "agment");
    }
    send(bytes);
  }
  /// What a dribbling connection still owes.
  void finish_frame() {
    if (is_open() && !second_half_.empty()) {
      send(std::exchange(second_half_, std::string()));
    }
  }

 private:
  std::size_t on_received(std::string_view bytes) override {
    std::size_t taken = 0;
    if (!is_upgraded_) {
      const HttpMessage answer = take_message(bytes);
      if (answer.size == 0) {
        return 0;
      }
      if (status_of(answer) != 101) {
        load_.first_failure_ = fmt::format("{} {}", answer.start_line, answer.body);
        close();
        on_closed();
        return answer.size;
      }
      is_upgraded_ = true;
      --load_.opening_;
      ++load_.open_;
      taken = answer.size;
    }
    while (is_open()) {
      const std::size_t size = take_frame(bytes.substr(taken));
      if (size == 0) {
        break;
      }
      taken += size;
    }
    return taken;
  }

  std::size_t take_frame(std::string_view bytes) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    if (bytes.size() < 2) {
      return 0;
    }
    std::size_t length = byte(1) & 0x7fU;
    std::size_t head = 2;
    if (length == 126) {
      head = 4;
      if (bytes.size() < head) {
        return 0;
      }
      length = static_cast<std::size_t>(byte(2) << 8U) | byte(3);
    }
    if (bytes.size() < head + length) {
      return 0;
    }
    const std::string_view payload = bytes.substr(head, length);
    switch (byte(0) & 0x0fU) {
      case kText:
        take_event(payload);
        break;
      case kPing:
        send(frame(kPong, payload));
        break;
      case kPong:
        take_pong(payload);
        break;
      case kClose:
        close();
        on_closed();
        break;
      default:
        break;
    }
    return head + length;
  }

  void take_pong(std::string_view payload) {
    PingMark mark;
    if (payload.size() != sizeof mark) {
      ++load_.lost_;
      return;
    }
    std::memcpy(&mark, payload.data(), sizeof mark);
    awaited_ -= awaited_ > 0 ? 1 : 0;
    // Each is answered once, in its order.
    load_.doubled_ += mark.number <= ponged_ ? 1 : 0;
    load_.lost_ += mark.number > ponged_ + 1 ? mark.number - ponged_ - 1 : 0;
    ponged_ = std::max(ponged_, mark.number);
    if (place_ % 10 == 1) {
      return;  // its second half was sent late on purpose
    }
    const Duration took = now() - MonoTime(Duration(mark.sent_at));
    load_.round_trips_.record(took);
    load_.longest_[place_] = std::max(load_.longest_[place_], took);
  }

  void take_event(std::string_view text) {
    constexpr std::string_view kSeq = "{\"seq\":";
    std::uint64_t seq = 0;
    if (!text.starts_with(kSeq) ||
        std::from_chars(text.data() + kSeq.size(), text.data() + text.size(), seq).ec !=
            std::errc()) {
      return;
    }
    ++load_.events_;
    if (last_ != 0 && seq > last_ + 1) {
      load_.lost_ += seq - last_ - 1;
    } else if (last_ != 0 && seq == last_) {
      ++load_.doubled_;
    } else if (last_ != 0 && seq < last_) {
      ++load_.reordered_;
    }
    last_ = std::max(last_, seq);
  }

  void on_closed() override {
    if (!std::exchange(is_told_, true)) {
      load_.opening_ -= is_upgraded_ ? 0 : 1;
      load_.open_ -= is_upgraded_ ? 1 : 0;
      load_.reopen(place_);
    }
  }

  HandoverLoad& load_;
  std::size_t place_;
  std::uint64_t last_;
  std::size_t awaited_ = 0;
  std::uint64_t pinged_ = 0;
  std::uint64_t ponged_ = 0;
  std::size_t texts_ = 0;
  std::string second_half_;
  bool is_upgraded_ = false;
  bool is_told_ = false;
};

/// Creates sessions, one request after the other, over a kept connection.
class HandoverLoad::Requester {
 public:
  explicit Requester(HandoverLoad& load) : load_(load) {}

  void on_turn(MonoTime at) {
    if (connection_ && !connection_->is_open()) {
      old_ = std::move(connection_);
    }
    if (load_.plan_.sessions <= 0 || at < due_ || is_waiting_) {
      return;
    }
    if (!connection_) {
      connection_ = std::make_unique<Connection>(*this);
    }
    due_ = std::max(due_ + interval(), at - interval() * 10);
    sent_at_ = at;
    is_waiting_ = true;
    ++load_.requests_;
    connection_->send(
        fmt::format("POST /api/sessions HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\n"
                    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                    load_.plan_.host, load_.plan_.admin_key, kCustomer.size(), kCustomer));
  }
  MonoTime due() const { return is_waiting_ ? MonoTime::max() : due_; }
  void begin(MonoTime at) { due_ = at; }
  bool is_waiting() const { return is_waiting_; }

 private:
  class Connection final : public Stream {
   public:
    explicit Connection(Requester& requester)
        : Stream(requester.load_.loop_, dial(requester.load_.plan_.port)), requester_(requester) {}

   private:
    std::size_t on_received(std::string_view bytes) override {
      const HttpMessage answer = take_message(bytes);
      if (answer.size != 0) {
        requester_.take(status_of(answer), fmt::format("{} {}", answer.start_line, answer.body));
        if (header_of(answer, "connection") == "close") {
          close();
        }
      }
      return answer.size;
    }
    void on_closed() override { requester_.take(0, "the connection was closed"); }
    Requester& requester_;
  };

  Duration interval() const {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(1 / load_.plan_.sessions));
  }
  void take(int status, std::string what) {
    if (!std::exchange(is_waiting_, false)) {
      return;
    }
    load_.request_times_.record(now() - sent_at_);
    if (status != 201) {
      ++load_.failed_;
      load_.first_failure_ = load_.first_failure_.empty() ? std::move(what) : load_.first_failure_;
    }
  }

  HandoverLoad& load_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Connection> old_;
  MonoTime due_{};
  MonoTime sent_at_{};
  bool is_waiting_ = false;
};

HandoverLoad::HandoverLoad(EventLoop& loop, HandoverPlan plan)
    : loop_(loop),
      plan_(std::move(plan)),
      sockets_(plan_.connections),
      requester_(std::make_unique<Requester>(*this)),
      longest_(plan_.connections) {}

HandoverLoad::~HandoverLoad() = default;

void HandoverLoad::open_some() {
  while (next_to_open_ < sockets_.size() && opening_ < kOpeningAtOnce) {
    ++opening_;
    sockets_[next_to_open_] = std::make_unique<Socket>(*this, next_to_open_, 0);
    ++next_to_open_;
  }
}

void HandoverLoad::reopen(std::size_t place) {
  ++ended_;
  if (plan_.reconnects) {
    ++opening_;
    const std::uint64_t last = sockets_[place]->last();
    closed_.push_back(std::move(sockets_[place]));
    sockets_[place] = std::make_unique<Socket>(*this, place, last);
  }
}

void HandoverLoad::send_pings(MonoTime at) {
  const auto interval =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / plan_.pings));
  for (; next_ping_ <= at; next_ping_ += interval) {
    if (sockets_[next_place_]) {
      sockets_[next_place_]->ping(at);
    }
    next_place_ = (next_place_ + 1) % sockets_.size();
  }
}

MonoTime HandoverLoad::on_turn(MonoTime at) {
  closed_.clear();
  if (!is_ready_) {
    open_some();
    if (open_ < sockets_.size()) {
      return at + std::chrono::milliseconds(50);
    }
    is_ready_ = true;
    begin_ = at;
    next_ping_ = at;
    requester_->begin(at);
    ended_ = 0;
    fmt::print(stderr, "ready\n");
  }
  if (at < begin_ + plan_.length) {
    send_pings(at);
    requester_->on_turn(at);
    return std::min({next_ping_, std::max(requester_->due(), at), begin_ + plan_.length});
  }
  for (const auto& socket : sockets_) {
    if (socket) {
      socket->finish_frame();
    }
  }
  return at + std::chrono::milliseconds(20);
}

Json HandoverLoad::run() {
  // What is under way at the end has two more seconds to come.
  constexpr Duration kTail = std::chrono::seconds(2);
  constexpr Duration kPatience = std::chrono::seconds(60);
  const MonoTime begun = now();
  loop_.run([this](MonoTime at) { return on_turn(at); },
            [&] {
              const MonoTime at = now();
              if (!is_ready_) {
                return at >= begun + kPatience;
              }
              // Sessions that nobody takes up end by themselves, and that is told too: it is over
              // between two events, not while one is on its way.
              const MonoTime end = begin_ + plan_.length + kTail;
              // A request that waits for the next daemon is late, not lost: `request_max_us` tells.
              const bool is_answered = !requester_->is_waiting() || at >= end + kPatience;
              return at >= end && is_answered && (all_heard_the_same() || at >= end + kTail);
            });
  for (const auto& socket : sockets_) {
    pongs_missing_ += socket ? socket->awaited() : 0;
  }
  failed_ += requester_->is_waiting() ? 1 : 0;
  return figures();
}

bool HandoverLoad::all_heard_the_same() const {
  return std::all_of(sockets_.begin(), sockets_.end(), [this](const auto& socket) {
    return (socket ? socket->last() : 0) == (sockets_.front() ? sockets_.front()->last() : 0);
  });
}

Json HandoverLoad::figures() const {
  Histogram pauses;
  for (const Duration longest : longest_) {
    pauses.record(longest);
  }
  std::vector<std::uint64_t> last;
  for (const auto& socket : sockets_) {
    last.push_back(socket ? socket->last() : 0);
  }
  const auto [least, most] = std::minmax_element(last.begin(), last.end());
  return {{"ready", is_ready_},
          {"connections", plan_.connections},
          {"open_at_end", open_},
          {"ended", ended_},
          {"events", events_},
          {"lost", lost_},
          {"doubled", doubled_},
          {"reordered", reordered_},
          {"last_seq_least", last.empty() ? 0 : *least},
          {"last_seq_most", last.empty() ? 0 : *most},
          {"pongs_missing", pongs_missing_},
          {"pings", round_trips_.count()},
          {"ping_p50_us", round_trips_.quantile_us(0.5)},
          {"ping_p99_us", round_trips_.quantile_us(0.99)},
          {"pause_p50_us", pauses.quantile_us(0.5)},
          {"pause_p99_us", pauses.quantile_us(0.99)},
          {"pause_max_us", pauses.longest_us()},
          {"requests", requests_},
          {"failed", failed_},
          {"first_failure", first_failure_},
          {"request_p50_us", request_times_.quantile_us(0.5)},
          {"request_p99_us", request_times_.quantile_us(0.99)},
          {"request_max_us", request_times_.longest_us()}};
}

}  // namespace voicectl::bench
