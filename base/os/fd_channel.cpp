// SPDX-License-Identifier: Apache-2.0
#include "base/os/fd_channel.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/os/fd_message.h"
#include "base/os/posix_error.h"

namespace voicectl {
namespace {

/// Most messages that wait for an end which does not read.
constexpr std::size_t kMostWaiting = 1024;

/// Wait after the kernel had too many descriptors of ours under way (ETOOMANYREFS): unlike a full
/// socket that ends without any event.
constexpr Duration kRetryWait = std::chrono::milliseconds(5);

struct Outgoing {
  std::string text;
  std::vector<UniqueFd> descriptors;
};

Error closed() {
  return Error(ErrorCode::kUnavailable, "cannot send a message: the channel is closed");
}

Status check_size(std::string_view message, const std::vector<int>& descriptors) {
  if (message.empty()) {
    return Error(ErrorCode::kInvalidArgument, "cannot send an empty message");
  }
  if (message.size() > kMaxChannelMessage || descriptors.size() > kMaxChannelDescriptors) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot send a message of {} bytes and {} descriptors: the most is {} "
                             "and {}",
                             message.size(), descriptors.size(), kMaxChannelMessage,
                             kMaxChannelDescriptors));
  }
  return ok_status();
}

class PosixFdChannel final : public FdChannel {
 public:
  PosixFdChannel(Reactor& reactor, FdWatcher& watcher, UniqueFd socket)
      // Foreign, since what the other end has sent and we do not read is closed with the socket.
      : reactor_(reactor), watcher_(watcher), socket_(UniqueFd::foreign(socket.release())) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) {
      peer_uid_ = peer.uid;
    }
  }
  ~PosixFdChannel() override {
    *alive_ = false;
    close();
  }
  PosixFdChannel(const PosixFdChannel&) = delete;
  PosixFdChannel& operator=(const PosixFdChannel&) = delete;

  void start(Handlers handlers) override {
    handlers_ = std::move(handlers);
    if (socket_.is_open() && !reading_) {
      reading_ = watcher_.watch_readable(socket_.get(), [this] { receive(); });
    }
  }

  Status send(std::string_view message, const std::vector<int>& descriptors) override;
  using FdChannel::send_now;
  Status send_now(std::string_view message, const std::vector<int>& descriptors) override;
  std::uint32_t peer_uid() const override { return peer_uid_; }

 private:
  void receive();
  Status queue(std::string_view message, const std::vector<int>& descriptors);
  /// Sends what waits, until the kernel takes no more.
  void flush();
  /// Has flush() run again when that has a chance, given why the kernel refused.
  void flush_later(int reason);
  void stop_flushing();
  void close();
  /// Closes because of the other end, and tells the owner in a later turn.
  void end();

  Reactor& reactor_;
  FdWatcher& watcher_;
  UniqueFd socket_;
  /// Watched for room to write; the socket's own number is watched for messages.
  UniqueFd writer_;
  Handlers handlers_;
  std::deque<Outgoing> waiting_;
  std::optional<WatchId> reading_;
  std::optional<WatchId> writing_;
  std::optional<TimerId> retry_;
  /// An invalid user, until the kernel has said who it is.
  std::uint32_t peer_uid_ = static_cast<std::uint32_t>(-1);
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Status PosixFdChannel::send(std::string_view message, const std::vector<int>& descriptors) {
  VC_TRY(check_size(message, descriptors));
  if (!socket_.is_open()) {
    return closed();
  }
  if (!waiting_.empty()) {
    return queue(message, descriptors);
  }
  const int problem = send_fd_message(socket_.get(), message, descriptors);
  switch (problem) {
    case 0:
      return ok_status();
    case EAGAIN:
    case ENOBUFS:
    case ETOOMANYREFS: {
      VC_TRY(queue(message, descriptors));
      flush_later(problem);
      return ok_status();
    }
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
      // Reading finds the end too, but only after what the other end said before it went.
      return closed();
    default:
      return posix_error("send a message", problem);
  }
}

Status PosixFdChannel::send_now(std::string_view message, const std::vector<int>& descriptors) {
  VC_TRY(check_size(message, descriptors));
  if (!socket_.is_open()) {
    return closed();
  }
  const int problem =
      waiting_.empty() ? send_fd_message(socket_.get(), message, descriptors) : EAGAIN;
  switch (problem) {
    case 0:
      return ok_status();
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
      return closed();
    default:
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("cannot send a message: the kernel does not take it now ({})",
                               std::strerror(problem)));
  }
}

Status PosixFdChannel::queue(std::string_view message, const std::vector<int>& descriptors) {
  if (waiting_.size() >= kMostWaiting) {
    return Error(ErrorCode::kResourceExhausted,
                 "cannot send a message: the other end has stopped reading");
  }
  Outgoing outgoing{std::string(message), {}};
  for (const int descriptor : descriptors) {
    outgoing.descriptors.push_back(UniqueFd::foreign(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)));
    if (!outgoing.descriptors.back().is_open()) {
      return posix_error("send a message", errno);
    }
  }
  waiting_.push_back(std::move(outgoing));
  return ok_status();
}

void PosixFdChannel::flush() {
  while (!waiting_.empty()) {
    const Outgoing& next = waiting_.front();
    const int problem = send_fd_message(socket_.get(), next.text, numbers_of(next.descriptors));
    if (problem == EAGAIN || problem == ENOBUFS || problem == ETOOMANYREFS) {
      flush_later(problem);
      return;
    }
    if (problem != 0) {
      waiting_.clear();  // the other end is gone; reading tells
      break;
    }
    waiting_.pop_front();
  }
  stop_flushing();
}

void PosixFdChannel::flush_later(int reason) {
  if (reason == EAGAIN && writing_) {
    return;
  }
  stop_flushing();
  if (reason == EAGAIN) {
    writer_ = socket_.duplicate();
  }
  if (writer_.is_open()) {
    writing_ = watcher_.watch_writable(writer_.get(), [this] { flush(); });
  } else {
    retry_ = reactor_.call_after(kRetryWait, [this] {
      retry_.reset();
      flush();
    });
  }
}

void PosixFdChannel::stop_flushing() {
  if (writing_) {
    watcher_.unwatch(*std::exchange(writing_, std::nullopt));
  }
  if (retry_) {
    reactor_.cancel(*std::exchange(retry_, std::nullopt));
  }
  writer_.close();
}

void PosixFdChannel::close() {
  stop_flushing();
  if (reading_) {
    watcher_.unwatch(*std::exchange(reading_, std::nullopt));
  }
  waiting_.clear();
  if (socket_.is_open()) {
    // At once, so that nobody is told that a message arrives here, however long the closing takes.
    (void)::shutdown(socket_.get(), SHUT_RDWR);  // fails only if the other end has gone
  }
  socket_.close();
}

void PosixFdChannel::end() {
  close();
  reactor_.post([this, alive = alive_] {
    if (!*alive) {
      return;
    }
    // A copy: the handler may destroy the channel.
    const auto on_close = handlers_.on_close;
    if (on_close) {
      on_close();
    }
  });
}

void PosixFdChannel::receive() {
  ReceivedFdMessage received = receive_fd_message(socket_.get());
  switch (received.kind) {
    case ReceivedFdMessage::Kind::kNothing:
      return;
    case ReceivedFdMessage::Kind::kCut:
      // Going on would let the two ends disagree about what was said.
    case ReceivedFdMessage::Kind::kEnd:
      end();
      return;
    case ReceivedFdMessage::Kind::kMessage:
      break;
  }
  // A copy: the handler may destroy the channel.
  const auto on_message = handlers_.on_message;
  if (on_message) {
    on_message(std::move(received.text), std::move(received.descriptors));
  }
}

}  // namespace

Result<std::unique_ptr<FdChannel>> PosixFdChannelFactory::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot connect to '{}': the path is too long", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.is_open() &&
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return adopt(std::move(socket));
  }
  if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot connect to '{}': nobody listens", path));
  }
  if (errno == EAGAIN) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot connect to '{}': too many connections wait; try again", path));
  }
  return posix_error(fmt::format("connect to '{}'", path), errno);
}

Result<std::pair<UniqueFd, UniqueFd>> PosixFdChannelFactory::make_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return posix_error("make a pair of sockets", errno);
  }
  return std::pair(UniqueFd::foreign(ends[0]), UniqueFd::foreign(ends[1]));
}

std::unique_ptr<FdChannel> PosixFdChannelFactory::adopt(UniqueFd socket) {
  return std::make_unique<PosixFdChannel>(reactor_, watcher_, std::move(socket));
}

}  // namespace voicectl
