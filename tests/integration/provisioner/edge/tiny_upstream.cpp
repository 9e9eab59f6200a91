// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/provisioner/edge/tiny_upstream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace voicectl {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

UniqueFd listen_on(const std::string& path) {
  ::unlink(path.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const bool listens = ::bind(listener.get(), generic, sizeof(address)) == 0 &&
                       ::chmod(path.c_str(), 0666) == 0 && ::listen(listener.get(), 64) == 0;
  return listens ? std::move(listener) : UniqueFd();
}

/// Reads one request; nullopt when the connection ends first.
std::optional<SeenRequest> read_request(const UniqueFd& socket) {
  std::string text;
  std::size_t head_end = std::string::npos;
  std::size_t length = 0;
  while (head_end == std::string::npos || text.size() < head_end + length) {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) {
      return std::nullopt;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t split = text.find("\r\n\r\n");
    if (head_end == std::string::npos && split != std::string::npos) {
      head_end = split + 4;
      const std::string given = SeenRequest{text.substr(0, head_end), ""}.header("content-length");
      length = given.empty() ? 0 : std::stoul(given);
    }
  }
  return SeenRequest{text.substr(0, head_end), text.substr(head_end)};
}

void send_all(const UniqueFd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void echo(const UniqueFd& socket) {
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0) {
    send_all(socket, {buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace

std::string SeenRequest::header(std::string_view name) const {
  const std::string all = lower(head);
  const std::size_t at = all.find("\r\n" + lower(name) + ":");
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t begin = head.find_first_not_of(' ', at + name.size() + 3);
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

TinyUpstream::TinyUpstream(const std::string& socket_path, Answer answer)
    : answer_(std::move(answer)), listener_(listen_on(socket_path)) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) == 0) {
    stop_read_ = UniqueFd(ends[0]);
    stop_write_ = UniqueFd(ends[1]);
  }
  acceptor_ = std::thread([this] { accept_all(); });
}

TinyUpstream::~TinyUpstream() {
  stop_write_.close();
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : open_) {
      ::shutdown(socket, SHUT_RDWR);
    }
  }
  for (std::thread& connection : connections_) {
    connection.join();
  }
}

void TinyUpstream::accept_all() {
  while (true) {
    std::array<pollfd, 2> waits = {{{listener_.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 || waits[1].revents != 0) {
      return;
    }
    UniqueFd socket(::accept(listener_.get(), nullptr, nullptr));
    if (!socket.is_open()) {
      return;
    }
    const std::lock_guard lock(mutex_);
    open_.push_back(socket.get());
    connections_.emplace_back([this, number = socket.release()] {
      const UniqueFd mine(number);
      serve(mine);
      const std::lock_guard closing(mutex_);
      std::erase(open_, number);
    });
  }
}

void TinyUpstream::serve(const UniqueFd& socket) {
  const std::optional<SeenRequest> request = read_request(socket);
  if (!request) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(*request);
  }
  const std::optional<std::string> answer = answer_(*request);
  if (!answer) {
    return;
  }
  send_all(socket, *answer);
  if (answer->starts_with("HTTP/1.1 101 ")) {
    echo(socket);
  }
}

std::vector<SeenRequest> TinyUpstream::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string TinyUpstream::ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace voicectl
