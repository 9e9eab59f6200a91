// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/edge_status.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

constexpr std::string_view kRequest =
    "GET /fingerprint HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n";
constexpr std::size_t kMostAnswerBytes = 4096;
constexpr std::size_t kMostFingerprintBytes = 64;
/// The proxy answers from memory; one that does not is as good as gone.
constexpr Duration kTimeout = std::chrono::seconds(2);

Error unavailable(const std::string& path, const std::string& why) {
  return Error(ErrorCode::kUnavailable, "cannot ask the proxy at '" + path + "': " + why);
}

/// The body of a whole answer with status 200.
Result<std::string> body_of(const std::string& answer, const std::string& path) {
  const std::size_t split = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200 ") || split == std::string::npos) {
    return Error(ErrorCode::kCorrupt,
                 "cannot understand the answer of the proxy at '" + path + "'");
  }
  std::string body = answer.substr(split + 4);
  if (body.empty() || body.size() > kMostFingerprintBytes) {
    return Error(ErrorCode::kCorrupt,
                 "cannot find a fingerprint in the answer of the proxy at '" + path + "'");
  }
  return body;
}

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot ask the proxy at '" + path + "': the path is too long for a socket");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) {
    return Error(ErrorCode::kResourceExhausted, "cannot make a socket to ask the proxy");
  }
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), generic, sizeof(address)) != 0) {
    return unavailable(path, std::strerror(errno));
  }
  const ssize_t sent = ::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(kRequest.size())) {
    return unavailable(path, "it does not take the question");
  }
  return socket;
}

}  // namespace

struct UnixEdgeStatusSource::Exchange {
  std::string path;
  UniqueFd socket;
  std::string answer;
  WatchId watch{};
  TimerId timer{};
  Completion<EdgeStatus> done;
};

struct UnixEdgeStatusSource::Inner : std::enable_shared_from_this<Inner> {
  Inner(Reactor& loop, FdWatcher& fds) : reactor(loop), watcher(fds) {}

  void begin(const std::string& path, Completion<EdgeStatus> done) {
    const std::weak_ptr<Inner> self = weak_from_this();
    Result<UniqueFd> socket = connect_to(path);
    if (socket.has_error()) {
      reactor.post([self, done = std::move(done), error = socket.error()] {
        if (!self.expired()) {
          done(error);
        }
      });
      return;
    }
    const std::uint64_t number = next_number++;
    Exchange& exchange = exchanges[number];
    exchange.path = path;
    exchange.socket = std::move(*socket);
    exchange.done = std::move(done);
    exchange.watch = watcher.watch_readable(exchange.socket.get(), [self, number] {
      if (const auto alive = self.lock()) {
        alive->read(number);
      }
    });
    exchange.timer = reactor.call_after(kTimeout, [self, number] {
      if (const auto alive = self.lock()) {
        alive->finish(number, Error(ErrorCode::kTimeout, "cannot get an answer from the proxy"));
      }
    });
  }

  void read(std::uint64_t number) {
    Exchange& exchange = exchanges.at(number);
    std::array<char, 1024> buffer{};
    const ssize_t count = ::recv(exchange.socket.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (count < 0) {
      finish(number, unavailable(exchange.path, std::strerror(errno)));
      return;
    }
    if (count == 0) {
      finish(number, answer_of(exchange));
      return;
    }
    exchange.answer.append(buffer.data(), static_cast<std::size_t>(count));
    if (exchange.answer.size() > kMostAnswerBytes) {
      finish(number, Error(ErrorCode::kCorrupt, "cannot take so long an answer from the proxy"));
    }
  }

  static Result<EdgeStatus> answer_of(const Exchange& exchange) {
    VC_TRY(const std::string body, body_of(exchange.answer, exchange.path));
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(exchange.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
      return unavailable(exchange.path, "its process is unknown");
    }
    return EdgeStatus{body, peer.pid};
  }

  void finish(std::uint64_t number, Result<EdgeStatus> result) {
    const auto found = exchanges.find(number);
    watcher.unwatch(found->second.watch);
    reactor.cancel(found->second.timer);
    const Completion<EdgeStatus> done = std::move(found->second.done);
    exchanges.erase(found);
    done(std::move(result));
  }

  void drop_all() {
    for (auto& [number, exchange] : exchanges) {
      watcher.unwatch(exchange.watch);
      reactor.cancel(exchange.timer);
    }
    exchanges.clear();
  }

  Reactor& reactor;
  FdWatcher& watcher;
  std::map<std::uint64_t, Exchange> exchanges;
  std::uint64_t next_number = 1;
};

UnixEdgeStatusSource::UnixEdgeStatusSource(Reactor& reactor, FdWatcher& watcher)
    : inner_(std::make_shared<Inner>(reactor, watcher)) {}

UnixEdgeStatusSource::~UnixEdgeStatusSource() {
  inner_->drop_all();
}

void UnixEdgeStatusSource::fetch(const std::string& socket_path, Completion<EdgeStatus> done) {
  inner_->begin(socket_path, std::move(done));
}

}  // namespace voicectl
