// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/hostile_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>
#include <utility>

#include "tests/integration/runtime/runtime_fixture.h"

namespace voicectl::runtime {
namespace {

constexpr const char* kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
constexpr std::size_t kPiece = std::size_t{256} * 1024;
constexpr Duration kBetweenDrops = std::chrono::milliseconds(20);

std::string opening_of(Misdeed misdeed) {
  switch (misdeed) {
    case Misdeed::kGigabyte:
      return std::string(kHead) + "Content-Length: 1073741824\r\n\r\n";
    case Misdeed::kEndlessBody:
      return std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n";
    case Misdeed::kUntilClosed:
      return std::string(kHead) + "Connection: close\r\n\r\n";
    case Misdeed::kEndlessHeaders:
      return kHead;
    case Misdeed::kEndlessLine:
      return std::string(kHead) + "X-Long: ";
    case Misdeed::kEndlessInterim:
    case Misdeed::kMute:
    case Misdeed::kReset:
      return "";
    case Misdeed::kDrip:
      return std::string(kHead) + "Content-Length: 100000\r\n\r\n";
    case Misdeed::kResetHalfWay:
    case Misdeed::kEndHalfWay:
      return std::string(kHead) + "Content-Length: 100\r\n\r\n{\"message\":";
    case Misdeed::kNoHttp:
      return "SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n";
    case Misdeed::kRedirect:
      return "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    case Misdeed::kTwoLengths:
      return std::string(kHead) + "Content-Length: 2\r\nContent-Length: 200\r\n\r\n{}";
  }
  return "";
}

std::string piece_of(Misdeed misdeed) {
  std::string piece;
  switch (misdeed) {
    case Misdeed::kGigabyte:
    case Misdeed::kUntilClosed:
    case Misdeed::kEndlessLine:
      return std::string(kPiece, 'a');
    case Misdeed::kEndlessBody:
      return "40000\r\n" + std::string(0x40000, 'a') + "\r\n";
    case Misdeed::kEndlessHeaders:
      while (piece.size() < kPiece) {
        piece += "X-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
      }
      return piece;
    case Misdeed::kEndlessInterim:
      while (piece.size() < kPiece) {
        piece += "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
      }
      return piece;
    case Misdeed::kDrip:
    case Misdeed::kMute:
    case Misdeed::kReset:
    case Misdeed::kResetHalfWay:
    case Misdeed::kEndHalfWay:
    case Misdeed::kNoHttp:
    case Misdeed::kRedirect:
    case Misdeed::kTwoLengths:
      return "";
  }
  return "";
}

}  // namespace

struct HostileServer::Peer {
  UniqueFd socket;
  WatchId watch{};
  std::optional<TimerId> timer;
  std::string request;
  bool is_served = false;
};

HostileServer::HostileServer(AsioReactor& reactor, Misdeed misdeed)
    : reactor_(reactor), misdeed_(misdeed) {
  FreePort port = bind_free_port();
  port_ = port.number;
  listener_ = std::move(port.listener);
  watch_ = reactor_.watch_readable(listener_.get(), [this] { accept(); });
}

HostileServer::~HostileServer() {
  reactor_.unwatch(watch_);
  while (!peers_.empty()) {
    const std::shared_ptr<Peer> peer = peers_.begin()->second;  // the list's own goes with it
    drop(peer);
  }
}

void HostileServer::accept() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.is_open()) {
    return;
  }
  const auto peer = std::make_shared<Peer>();
  peer->socket = std::move(socket);
  const int number = peer->socket.get();
  peers_[number] = peer;
  peer->watch = reactor_.watch_readable(number, [this, weak = std::weak_ptr(peer)] {
    if (const auto one = weak.lock()) {
      serve(one);
    }
  });
}

void HostileServer::serve(const std::shared_ptr<Peer>& peer) {
  std::array<char, 65536> bytes{};
  const ssize_t count = ::recv(peer->socket.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) {
    drop(peer);
    return;
  }
  peer->request.append(bytes.data(), static_cast<std::size_t>(count));
  if (!peer->is_served && peer->request.find("\r\n\r\n") != std::string::npos) {
    peer->is_served = true;
    ++requests_;
    misbehave(peer);
  }
}

void HostileServer::misbehave(const std::shared_ptr<Peer>& peer) {
  const std::string opening = opening_of(misdeed_);
  (void)::send(peer->socket.get(), opening.data(), opening.size(), MSG_NOSIGNAL);
  if (misdeed_ == Misdeed::kReset || misdeed_ == Misdeed::kResetHalfWay) {
    const linger at_once{1, 0};
    ::setsockopt(peer->socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop(peer);
  } else if (misdeed_ == Misdeed::kEndHalfWay || misdeed_ == Misdeed::kTwoLengths) {
    drop(peer);
  } else if (misdeed_ == Misdeed::kRedirect) {
    peer->request.clear();
    peer->is_served = false;
  } else if (misdeed_ == Misdeed::kDrip) {
    drip(peer);
  } else if (const std::string piece = piece_of(misdeed_); !piece.empty()) {
    pour(peer, piece);
  }
}

void HostileServer::pour(const std::shared_ptr<Peer>& peer, const std::string& piece) {
  const ssize_t count =
      ::send(peer->socket.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    return;  // the end is read
  }
  sent_ += count > 0 ? static_cast<std::uint64_t>(count) : 0;
  // A piece that was cut goes on in the middle: only the next one must begin where it should.
  const std::size_t done = count > 0 ? static_cast<std::size_t>(count) : 0;
  const std::string rest = done == piece.size() ? piece_of(misdeed_) : piece.substr(done);
  peer->timer =
      reactor_.call_after(count > 0 ? Duration(0) : Duration(std::chrono::milliseconds(1)),
                          [this, weak = std::weak_ptr(peer), rest] {
                            if (const auto one = weak.lock()) {
                              one->timer.reset();
                              pour(one, rest);
                            }
                          });
}

void HostileServer::drip(const std::shared_ptr<Peer>& peer) {
  (void)::send(peer->socket.get(), "a", 1, MSG_NOSIGNAL);
  peer->timer = reactor_.call_after(kBetweenDrops, [this, weak = std::weak_ptr(peer)] {
    if (const auto one = weak.lock()) {
      one->timer.reset();
      drip(one);
    }
  });
}

void HostileServer::drop(const std::shared_ptr<Peer>& peer) {
  if (peer->timer) {
    reactor_.cancel(*peer->timer);
  }
  reactor_.unwatch(peer->watch);
  peers_.erase(peer->socket.get());
  peer->socket.close();
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace voicectl::runtime
