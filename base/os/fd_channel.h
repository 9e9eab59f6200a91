// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os/fd_message.h"
#include "base/os/reactor.h"
#include "base/os/unique_fd.h"
#include "base/result.h"

namespace voicectl {

/// One end of a connection that carries messages with descriptors, in order, whole or not at all
/// (SOCK_SEQPACKET and SCM_RIGHTS on the real side).
///
/// THREADS: loop thread only.
class FdChannel {
 public:
  struct Handlers {
    std::function<void(std::string message, std::vector<UniqueFd> descriptors)> on_message;
    /// The other end is gone, or it broke the framing. Runs once, in a later turn; nothing
    /// follows it.
    std::function<void()> on_close;
  };

  /// Closes; no handler runs afterwards.
  virtual ~FdChannel() = default;

  /// Starts delivery. Messages that arrived before wait.
  virtual void start(Handlers handlers) = 0;

  /// Queues a message; `descriptors` are duplicated at once and stay the caller's.
  /// ERRORS: kInvalidArgument for an empty message (the kernel cannot tell it from the end);
  /// kUnavailable if the channel is closed; kResourceExhausted if the message is too long
  /// or the other end has stopped reading for too many messages (1,024).
  virtual Status send(std::string_view message, const std::vector<int>& descriptors) = 0;

  /// Sends a message, and success means that the kernel has it: it comes even if this process ends
  /// the next moment. Nothing waits here.
  /// ERRORS: as `send`; kResourceExhausted also if it would have to wait.
  virtual Status send_now(std::string_view message, const std::vector<int>& descriptors) = 0;
  Status send_now(std::string_view message) { return send_now(message, {}); }

  /// User id of the process at the other end, as the kernel saw it when the connection was made.
  virtual std::uint32_t peer_uid() const = 0;
};

/// Makes channels. The instance's end listens; the daemon connects, at first and after a restart.
class FdChannelFactory {
 public:
  virtual ~FdChannelFactory() = default;

  /// ERRORS: kNotFound if nobody listens at `path`.
  virtual Result<std::unique_ptr<FdChannel>> connect(const std::string& path) = 0;

  /// Two connected sockets for two other processes to make channels of.
  /// ERRORS: kResourceExhausted.
  virtual Result<std::pair<UniqueFd, UniqueFd>> make_pair() = 0;
};

/// Real channels over sockets of the given loop.
class PosixFdChannelFactory final : public FdChannelFactory {
 public:
  PosixFdChannelFactory(Reactor& reactor, FdWatcher& watcher)
      : reactor_(reactor), watcher_(watcher) {}

  Result<std::unique_ptr<FdChannel>> connect(const std::string& path) override;
  Result<std::pair<UniqueFd, UniqueFd>> make_pair() override;

  /// The channel of a connected socket, such as one that accept() returned. OWNS: `socket`.
  std::unique_ptr<FdChannel> adopt(UniqueFd socket);

 private:
  Reactor& reactor_;
  FdWatcher& watcher_;
};

}  // namespace voicectl
