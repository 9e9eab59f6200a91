// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/event_loop.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace voicectl::bench {
namespace {

constexpr int kEventsPerTurn = 256;
constexpr std::size_t kReadSize = std::size_t{64} * 1024;

[[noreturn]] void give_up(std::string_view what) {
  fmt::print(stderr, "voicectl-bench: cannot {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

epoll_event event_for(Watched& watched, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watched;
  return event;
}

timespec until(MonoTime deadline) {
  const auto left =
      std::max(Duration::zero(), std::chrono::duration_cast<Duration>(deadline - now()));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  timespec wait{};
  wait.tv_sec = static_cast<time_t>(seconds.count());
  wait.tv_nsec = static_cast<long>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(left - seconds).count());
  return wait;
}

}  // namespace

MonoTime now() {
  return std::chrono::steady_clock::now();
}

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void EventLoop::add(int fd, Watched& watched) {
  epoll_event event = event_for(watched, EPOLLIN);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    give_up("watch a descriptor");
  }
}

void EventLoop::want_writable(int fd, Watched& watched, bool wanted) {
  epoll_event event = event_for(watched, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);  // the descriptor is watched
}

void EventLoop::remove(int fd) {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // closing would do it too
}

void EventLoop::run(const std::function<MonoTime(MonoTime)>& on_turn,
                    const std::function<bool()>& is_over) {
  epoll_event events[kEventsPerTurn];
  while (!is_over()) {
    const timespec wait = until(on_turn(now()));
    const int count = ::epoll_pwait2(epoll_.get(), events, kEventsPerTurn, &wait, nullptr);
    for (int i = 0; i < count; ++i) {
      static_cast<Watched*>(events[i].data.ptr)->on_ready(events[i].events);
    }
  }
}

Stream::Stream(EventLoop& loop, UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {
  const int on = 1;
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only speed
  loop_.add(socket_.get(), *this);
}

Stream::~Stream() {
  close();
}

void Stream::close() {
  if (socket_.is_open()) {
    loop_.remove(socket_.get());
    socket_.close();
  }
}

void Stream::send(std::string_view bytes) {
  if (!socket_.is_open()) {
    return;
  }
  if (unsent_.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size())) {
      return;
    }
    bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
    loop_.want_writable(socket_.get(), *this, true);
  }
  unsent_ += bytes;
}

void Stream::write_unsent() {
  const ssize_t sent =
      ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  unsent_.erase(0, sent > 0 ? static_cast<std::size_t>(sent) : 0);
  if (unsent_.empty()) {
    loop_.want_writable(socket_.get(), *this, false);
  }
}

void Stream::on_ready(std::uint32_t events) {
  if (socket_.is_open() && (events & EPOLLOUT) != 0) {
    write_unsent();
  }
  if (socket_.is_open() && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    read();
  }
}

void Stream::read() {
  static thread_local char buffer[kReadSize];
  const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (count <= 0) {
    close();
    on_closed();
    return;
  }
  std::string_view bytes(buffer, static_cast<std::size_t>(count));
  if (!received_.empty()) {
    received_ += bytes;
    bytes = received_;
  }
  const std::size_t taken = on_received(bytes);
  if (received_.empty()) {
    received_ = bytes.substr(taken);
  } else {
    received_.erase(0, taken);
  }
}

UniqueFd dial(std::uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up(fmt::format("connect to port {}", port));
  }
  return socket;
}

UniqueFd listen_at(std::uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // restarts only
  const sockaddr_in address = loopback(port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 4096) != 0) {
    give_up(fmt::format("listen on port {}", port));
  }
  return socket;
}

std::string_view header_of(const HttpMessage& message, std::string_view name) {
  std::string_view rest = message.headers;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    const bool fits =
        line.size() > name.size() && line[name.size()] == ':' &&
        std::equal(name.begin(), name.end(), line.begin(), [](char wanted, char given) {
          return wanted == (given >= 'A' && given <= 'Z' ? static_cast<char>(given | 0x20) : given);
        });
    if (fits) {
      const std::size_t begin = line.find_first_not_of(' ', name.size() + 1);
      return begin == std::string_view::npos ? std::string_view() : line.substr(begin);
    }
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  return {};
}

HttpMessage take_message(std::string_view bytes) {
  HttpMessage message;
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) {
    return message;
  }
  const std::size_t line = bytes.find("\r\n");
  message.start_line = bytes.substr(0, line);
  message.headers = line == head ? std::string_view() : bytes.substr(line + 2, head - line - 2);
  std::size_t length = 0;
  const std::string_view told = header_of(message, "content-length");
  (void)std::from_chars(told.data(), told.data() + told.size(), length);  // absent means none
  if (bytes.size() < head + 4 + length) {
    return message;
  }
  message.body = bytes.substr(head + 4, length);
  message.size = head + 4 + length;
  return message;
}

int status_of(const HttpMessage& response) {
  int status = 0;
  const std::string_view line = response.start_line;
  if (line.size() >= 12) {
    (void)std::from_chars(line.data() + 9, line.data() + 12, status);  // 0 fails every expectation
  }
  return status;
}

}  // namespace voicectl::bench
