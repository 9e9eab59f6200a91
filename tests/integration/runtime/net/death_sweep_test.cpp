// SPDX-License-Identifier: Apache-2.0
// A process that serves a WebSocket is looked at before each of its instructions, as if it died
// there.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "base/os/fd_channel.h"
#include "base/os/fd_message.h"
#include "runtime/net/http_server.h"
#include "runtime/net/websocket_codec.h"
#include "runtime/parking/parking_lot.h"
#include "tests/integration/runtime/net/net_fixture.h"
#include "tests/support/sanitizers.h"

namespace voicectl::test {
namespace {

using parking::Doubt;
using parking::kSlotBytes;
using parking::ParkedState;

constexpr int kCannotBeTraced = 77;

std::pair<UniqueFd, UniqueFd> sockets(int kind) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Sends three events, the last as the answer to a message, and stops where the client has its say.
[[noreturn]] void serve(UniqueFd lane, UniqueFd socket) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
    ::_exit(kCannotBeTraced);
  }
  const int number_of_socket = socket.get();
  Loop loop;
  PosixFdChannelFactory channels(loop.reactor(), loop.reactor());
  parking::ParkingLot lot(loop.reactor(), "layout");
  parking::ParkingGate gate(lot, "acme");
  EchoServer server(loop);
  (void)lot.use_lane(channels.adopt(std::move(lane)));
  server.server().keep_at(gate);
  ConnectionState state;
  state.is_websocket = true;
  state.tag = "session/1";
  server.server().adopt({std::move(socket), std::move(state)});
  int number = 0;
  const auto send_event = [&] {
    ++number;
    server.last_websocket->send_text("event " + std::to_string(number));
  };
  WebSocket::Handlers handlers;
  handlers.on_text = [&](const std::string&) { send_event(); };
  handlers.kept_note = [&](std::string& note) { note += std::to_string(number); };
  server.last_websocket->set_handlers(std::move(handlers));
  loop.run_until([&] { return lot.parked() == 1; });
  loop.settle();
  // What is read is acted on in the same turn.
  const auto take_what_was_said = [&] {
    loop.run_until([&] {
      int unread = 0;
      return ::ioctl(number_of_socket, FIONREAD, &unread) == 0 && unread == 0;
    });
  };
  ::raise(SIGSTOP);
  send_event();
  take_what_was_said();
  ::raise(SIGSTOP);
  send_event();
  take_what_was_said();
  ::_exit(0);
}

/// What came to the client, as far as it is whole frames.
struct Received {
  std::vector<std::string> texts;
  std::size_t pongs = 0;
  bool is_whole = true;
};

Received parse(std::string_view bytes) {
  Received out;
  while (!bytes.empty()) {
    // A ping of the server's own has no payload.
    const std::size_t size = bytes.size() < 2 ? 0 : static_cast<unsigned char>(bytes[1]);
    if (bytes.size() < 2 + size || size > 125) {
      out.is_whole = false;
      break;
    }
    const auto opcode = static_cast<Opcode>(static_cast<unsigned char>(bytes[0]) & 0x0FU);
    if (opcode == Opcode::kPong) {
      ++out.pongs;
    } else if (opcode == Opcode::kText) {
      out.texts.emplace_back(bytes.substr(2, size));
    }
    bytes.remove_prefix(2 + size);
  }
  return out;
}

/// Keeps this process, and those that it makes, on one processor: two that take turns at every
/// instruction wait for each other the shortest there.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);  // refused, it takes longer
  }
  ~OnOneProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

/// The process that dies, seen from outside: what its client has, what is kept of it.
class Victim {
 public:
  Victim() {
    append_masked_frame(ping_, Opcode::kPing, "are you there", 7);
    append_masked_frame(text_, Opcode::kText, "a message that comes in two parts", 9);
    auto lane = sockets(SOCK_SEQPACKET);
    auto connection = sockets(SOCK_STREAM);
    pid_ = ::fork();
    if (pid_ == 0) {
      serve(std::move(lane.second), std::move(connection.second));
    }
    lane_ = std::move(lane.first);
    client_ = std::move(connection.first);
  }
  ~Victim() {
    if (!is_over_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (memory_ != nullptr) {
      ::munmap(memory_, parking::kMostSlots * kSlotBytes);
    }
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  /// Goes on to where it stops by itself; false if it cannot be traced here.
  bool reach_first_stop() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    is_over_ = WIFEXITED(status);
    if (is_over_) {
      return false;
    }
    take_what_is_kept();
    return true;
  }
  /// One instruction; false at the end. It stops once by itself, where its client says the rest.
  bool step() {
    int status = 0;
    EXPECT_EQ(::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr), 0);
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    is_over_ = !WIFSTOPPED(status);
    if (!is_over_ && WSTOPSIG(status) == SIGSTOP) {
      say(text_.substr(kFirstPart));
    }
    return !is_over_;
  }
  void say_first_part() { say(ping_ + text_.substr(0, kFirstPart)); }

  /// What whoever comes next would be told if it died now.
  std::variant<ParkedState, Doubt> look() const {
    return parking::read_slot({memory_ + slot_ * kSlotBytes, kSlotBytes}, generation_);
  }
  /// What its client has and has said is told by the kept state, and by nothing more.
  void expect_that_it_can_be_gone_on_with(const ParkedState& kept) const {
    char buffer[4096];
    const ssize_t size = ::recv(client_.get(), buffer, sizeof buffer, MSG_PEEK | MSG_DONTWAIT);
    const Received seen = parse({buffer, static_cast<std::size_t>(std::max<ssize_t>(0, size))});
    ASSERT_TRUE(seen.is_whole);
    ASSERT_EQ(std::to_string(seen.texts.size()), kept.note);
    const std::size_t acted_on =
        (seen.pongs > 0 ? ping_.size() : 0) + (seen.texts.size() > 2 ? text_.size() : 0);
    int in_kernel = 0;
    ASSERT_EQ(::ioctl(socket_.get(), FIONREAD, &in_kernel), 0);
    ASSERT_EQ(kept.unread, said_.substr(acted_on, kept.unread.size()));
    ASSERT_EQ(acted_on + kept.unread.size() + static_cast<std::size_t>(in_kernel), said_.size());
  }
  std::string received() const {
    char buffer[4096];
    const ssize_t size = ::recv(client_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(0, size))};
  }

 private:
  static constexpr std::size_t kFirstPart = 11;

  void say(const std::string& bytes) {
    said_ += bytes;
    EXPECT_EQ(::send(client_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  void take_what_is_kept() {
    ReceivedFdMessage hello = receive_fd_message(lane_.get());
    ASSERT_EQ(hello.descriptors.size(), 1U);
    memory_ = static_cast<char*>(::mmap(nullptr, parking::kMostSlots * kSlotBytes, PROT_READ,
                                        MAP_SHARED, hello.descriptors[0].get(), 0));
    ReceivedFdMessage park = receive_fd_message(lane_.get());
    ASSERT_EQ(park.descriptors.size(), 1U);
    socket_ = std::move(park.descriptors[0]);
    slot_ = std::stoul(park.text.substr(park.text.rfind(' ')));
    generation_ =
        static_cast<std::uint32_t>(std::stoul(park.text.substr(park.text.rfind(':') + 1)));
  }

  pid_t pid_ = 0;
  bool is_over_ = false;
  UniqueFd lane_;
  UniqueFd client_;
  UniqueFd socket_;
  char* memory_ = nullptr;
  std::size_t slot_ = 0;
  std::uint32_t generation_ = 0;
  std::string ping_;
  std::string text_;
  std::string said_;
};

TEST(DeathSweepTest, AtEveryInstructionAWebSocketIsWholeOrInDoubt) {
#if defined(VC_ASAN) || defined(VC_TSAN)
  GTEST_SKIP() << "a sanitizer makes ten instructions of one";
#endif
  const OnOneProcessor place;
  Victim victim;
  if (!victim.reach_first_stop()) {
    GTEST_SKIP() << "processes cannot be traced here";
  }
  victim.say_first_part();
  std::map<Doubt, std::size_t> doubts;
  std::map<std::string, std::size_t> clean;
  std::size_t instructions = 0;
  while (victim.step()) {
    ++instructions;
    const auto seen = victim.look();
    if (const auto* const kept = std::get_if<ParkedState>(&seen)) {
      ++clean[kept->note];
      ASSERT_NO_FATAL_FAILURE(victim.expect_that_it_can_be_gone_on_with(*kept)) << instructions;
    } else {
      ++doubts[std::get<Doubt>(seen)];
    }
  }

  const Received all = parse(victim.received());
  EXPECT_THAT(all.texts, testing::ElementsAre("event 1", "event 2", "event 3"));
  EXPECT_EQ(all.pongs, 1U);
  for (const char* const note : {"0", "1", "2", "3"}) {
    EXPECT_GT(clean[note], 100U) << note;
  }
  EXPECT_GT(doubts[Doubt::kReading], 100U);
  EXPECT_GT(doubts[Doubt::kWriting], 100U);
  RecordProperty("instructions", static_cast<int>(instructions));
}

}  // namespace
}  // namespace voicectl::test
