// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>

#include "base/os/unique_fd.h"

namespace voicectl {

/// Hears of one watched socket.
class PolledSocket {
 public:
  /// `events` are those of epoll. May be called for one that is not wanted any more.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~PolledSocket() = default;
};

/// Tells sockets that they are ready, over an epoll of its own inside Asio's.
///
/// Asio asks the kernel anew for each wait, which is a system call for every request on every
/// connection. Here a socket is registered once and stays so: what is not read is told again.
/// THREADS: the one that runs the io_context.
class WirePoller final : public boost::asio::execution_context::service {
 public:
  using key_type = WirePoller;
  static boost::asio::execution_context::id id;

  explicit WirePoller(boost::asio::io_context& context);
  /// The poller of `context`.
  static WirePoller& of(boost::asio::io_context& context);

  /// Changes what `fd` is watched for from `before` to `after`; 0 is for nothing: then it is not
  /// known here any more, and `socket` may die. False if the kernel refuses.
  bool watch(int fd, PolledSocket& socket, std::uint32_t before, std::uint32_t after);

 private:
  /// Sockets that are told in one turn of the loop, so that timers and others have theirs.
  static constexpr std::size_t kBatch = 16;

  struct Ready {
    PolledSocket* socket = nullptr;
    std::uint32_t events = 0;
  };

  void shutdown() override;
  void arm();
  void poll();
  void forget(const PolledSocket& socket);

  UniqueFd epoll_;
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
  std::size_t watched_ = 0;
  bool is_armed_ = false;
  bool is_shut_down_ = false;
  /// What is still to be told in this turn.
  std::array<Ready, kBatch> batch_{};
};

}  // namespace voicectl
