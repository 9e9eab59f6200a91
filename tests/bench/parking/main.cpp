// SPDX-License-Identifier: Apache-2.0
// What it costs per message that a WebSocket outlives its process: the same server with its
// WebSockets kept and without, in turn. Prints JSON; tests/bench/recovery_bench.py shows it.
#include <fmt/core.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/os/fd_channel.h"
#include "runtime/net/http_server.h"
#include "runtime/net/websocket_codec.h"
#include "runtime/parking/parking_lot.h"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const place = std::malloc(size)) {
    return place;
  }
  std::abort();
}
void operator delete(void* place) noexcept {
  std::free(place);
}
void operator delete(void* place, std::size_t) noexcept {
  std::free(place);
}

namespace voicectl::bench {
namespace {

constexpr std::size_t kEvent = 300;
constexpr std::size_t kNote = 26;
constexpr int kRounds = 31;
constexpr int kBatches = 40;
constexpr int kBatch = 50;

std::pair<UniqueFd, UniqueFd> sockets(int kind) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    std::abort();
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A server with one WebSocket, kept or not.
class Side {
 public:
  explicit Side(bool is_kept) {
    auto lane = sockets(SOCK_SEQPACKET);
    auto connection = sockets(SOCK_STREAM);
    holder_ = std::move(lane.first);
    client_ = std::move(connection.first);
    if (is_kept) {
      (void)lot_.use_lane(channels_.adopt(std::move(lane.second)));
      server_.keep_at(gate_);
    }
    ConnectionState state;
    state.is_websocket = true;
    state.tag = "session/mario-pizza_0123456789abcdef#key-1234";
    server_.adopt({std::move(connection.second), std::move(state)});
    turn();
    if ((lot_.parked() == 1) != is_kept) {
      std::abort();
    }
    append_masked_frame(ping_, Opcode::kPing, "0123456789abcdef", 7);
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  void send_event() { socket_->send_text(event_); }
  void say_ping() {
    if (::send(client_.get(), ping_.data(), ping_.size(), 0) < 0) {
      std::abort();
    }
  }
  void turn() {
    loop_.context().restart();
    while (loop_.context().poll() > 0) {
    }
  }
  void drain() {
    char buffer[65536];
    while (::recv(client_.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  }

 private:
  AsioReactor loop_;
  PosixFdChannelFactory channels_{loop_, loop_};
  UniqueFd holder_;
  UniqueFd client_;
  parking::ParkingLot lot_{loop_, "layout"};
  parking::ParkingGate gate_{lot_, "mario-pizza"};
  std::shared_ptr<WebSocket> socket_;
  HttpServer server_{
      loop_,
      {{}, [this](const std::string&, const std::string&, std::shared_ptr<WebSocket> opened) {
         socket_ = std::move(opened);
         WebSocket::Handlers handlers;
         handlers.kept_note = [](std::string& note) { note.append(kNote, 'n'); };
         socket_->set_handlers(std::move(handlers));
       }}};
  const std::string event_ = std::string(kEvent, 'e');
  std::string ping_;
};

struct Figures {
  double nanoseconds = 0;
  double allocations = 0;
  double system_calls = 0;
};

/// Nanoseconds of `act` in one round; `after` is not counted.
template <typename Act, typename After>
double time_round(const Act& act, const After& after) {
  std::chrono::nanoseconds sum{};
  for (int i = 0; i < kBatches; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < kBatch; ++k) {
      act();
    }
    sum += std::chrono::steady_clock::now() - begin;
    after();
  }
  return static_cast<double>(sum.count()) / (kBatches * kBatch);
}

/// How often a child process that does it `kBatch` times enters the kernel, each time.
template <typename Act>
double count_system_calls(const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    for (int k = 0; k < kBatch; ++k) {
      act();
    }
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  int stops = 0;
  while (WIFSTOPPED(status)) {
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    ::waitpid(child, &status, 0);
    if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) {
      break;
    }
    ++stops;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return static_cast<double>(stops) / 2 / kBatch;  // each is seen when it begins and when it ends
}

template <typename Act>
std::vector<Figures> measure(std::vector<Side*> sides, const Act& act) {
  std::vector<Figures> out(sides.size());
  std::vector<std::vector<double>> rounds(sides.size());
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      Side& side = *sides[i];
      rounds[i].push_back(time_round([&] { act(side); }, [&] { side.drain(); }));
    }
  }
  for (std::size_t i = 0; i < sides.size(); ++i) {
    Side& side = *sides[i];
    std::sort(rounds[i].begin(), rounds[i].end());
    out[i].nanoseconds = rounds[i][kRounds / 2];
    const std::size_t before = allocations;
    time_round([&] { act(side); }, [&] { side.drain(); });
    out[i].allocations = static_cast<double>(allocations - before) / (kBatches * kBatch);
    // Stopping costs some too.
    out[i].system_calls = count_system_calls([&] { act(side); }) - count_system_calls([] {});
    side.drain();
  }
  return out;
}

void show(const char* name, const std::vector<Figures>& figures, bool is_last) {
  fmt::print("  \"{}\": {{", name);
  for (std::size_t i = 0; i < figures.size(); ++i) {
    fmt::print("\"{}\": {{\"ns\": {:.0f}, \"allocations\": {:.2f}, \"system_calls\": {:.2f}}}{}",
               i == 0 ? "not_kept" : "kept", figures[i].nanoseconds, figures[i].allocations,
               figures[i].system_calls, i == 0 ? ", " : "");
  }
  fmt::print("}}{}\n", is_last ? "" : ",");
}

int run() {
  Side not_kept(false);
  Side kept(true);
  fmt::print("{{\n");
  show("event_sent", measure({&not_kept, &kept}, [](Side& side) { side.send_event(); }), false);
  show("ping_answered",
       measure({&not_kept, &kept},
               [](Side& side) {
                 side.say_ping();
                 side.turn();
               }),
       true);
  fmt::print("}}\n");
  return 0;
}

}  // namespace
}  // namespace voicectl::bench

int main() {
  return voicectl::bench::run();
}
