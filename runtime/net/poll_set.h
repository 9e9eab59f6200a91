// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/os/unique_fd.h"
#include "base/os/work_account.h"

namespace voicectl {

/// Hears of one watched socket.
class PolledSocket : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// `events` are those of epoll. May be called for one that is not wanted any more.
  virtual void on_ready(std::uint32_t events) = 0;
  /// The set that it held back for goes on.
  virtual void on_resumed() = 0;

 protected:
  ~PolledSocket() = default;
};

/// Tells sockets that they are ready, over an epoll of its own inside Asio's.
///
/// Asio asks the kernel anew for each wait, which is a system call for every request on every
/// connection. Here a socket is registered once and stays so: what is not read is told again.
///
/// While a set is paused none of its sockets is told anything, and whoever writes to one holds
/// back: pausing costs the same for one socket and for ten thousand.
/// THREADS: the one that runs the io_context.
class PollSet {
 public:
  /// What its sockets do when they are told is charged to `account`; null: to nobody, because they
  /// are of many. REQUIRES: `context` outlives it.
  PollSet(boost::asio::io_context& context, WorkAccountPtr account);
  ~PollSet();
  PollSet(const PollSet&) = delete;
  PollSet& operator=(const PollSet&) = delete;

  /// The set of those that are never paused.
  static PollSet& common_to(boost::asio::io_context& context);

  /// Changes what `fd` is watched for from `before` to `after`; 0 is for nothing: then it is not
  /// known here any more, and `socket` may die. False if the kernel refuses.
  bool watch(int fd, PolledSocket& socket, std::uint32_t before, std::uint32_t after);

  void pause();
  void resume();
  bool is_paused() const { return is_paused_; }
  WorkAccount* account() const { return account_.get(); }

  /// Bytes that its sockets have read and written.
  struct Traffic {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
  };
  const Traffic& traffic() const { return traffic_; }
  void count_received(std::size_t bytes) { traffic_.received += bytes; }
  void count_sent(std::size_t bytes) { traffic_.sent += bytes; }
  /// Tells `socket` when the set goes on, unless it dies before.
  void hold_back(PolledSocket& socket);

 private:
  class Common;

  /// Sockets that are told in one turn of the loop, so that timers and others have theirs.
  static constexpr std::size_t kBatch = 16;

  struct Ready {
    PolledSocket* socket = nullptr;
    std::uint32_t events = 0;
  };
  using Held = boost::intrusive::list<PolledSocket, boost::intrusive::constant_time_size<false>>;

  void shut_down();
  void arm();
  void poll();
  void forget(const PolledSocket& socket);

  WorkAccountPtr account_;
  Traffic traffic_;
  UniqueFd epoll_;
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
  std::size_t watched_ = 0;
  bool is_armed_ = false;
  bool is_paused_ = false;
  /// What is still to be told in this turn.
  std::array<Ready, kBatch> batch_{};
  Held held_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
