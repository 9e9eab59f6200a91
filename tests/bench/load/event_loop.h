// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/unique_fd.h"

namespace voicectl::bench {

/// Something with a descriptor. It must stay alive until the turn after it was removed.
class Watched {
 public:
  virtual ~Watched() = default;
  virtual void on_ready(std::uint32_t events) = 0;
};

/// A bare epoll loop: the load and the servers behind the measured one must never be what is slow,
/// so they do without the comforts of base/os/asio_reactor.h.
///
/// THREADS: one.
class EventLoop {
 public:
  EventLoop();

  void add(int fd, Watched& watched);
  /// Also tells when `fd` can be written, or no longer does.
  void want_writable(int fd, Watched& watched, bool wanted);
  void remove(int fd);

  /// Runs turns until `is_over`. `on_turn` is called after each and names the time until which the
  /// next one may wait.
  void run(const std::function<MonoTime(MonoTime)>& on_turn, const std::function<bool()>& is_over);

 private:
  UniqueFd epoll_;
};

/// The present, read anew: a load has to know when within a turn an answer came.
MonoTime now();

/// A connection whose bytes are taken from a buffer. Dies with its owner; `close` may come earlier.
class Stream : public Watched {
 public:
  Stream(EventLoop& loop, UniqueFd socket);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void send(std::string_view bytes);
  void close();
  bool is_open() const { return socket_.is_open(); }

 protected:
  /// Takes what is whole from the front of what was received; returns how many bytes it took.
  virtual std::size_t on_received(std::string_view bytes) = 0;
  virtual void on_closed() = 0;

 private:
  void on_ready(std::uint32_t events) override;
  void read();
  void write_unsent();

  EventLoop& loop_;
  UniqueFd socket_;
  std::string received_;
  std::string unsent_;
};

/// Connects to a port of the loopback address. Ends the program if that is not possible.
UniqueFd dial(std::uint16_t port);
/// Listens there; 0 takes any port. Ends the program if that is not possible.
UniqueFd listen_at(std::uint16_t port);

/// One HTTP message at the front of `bytes`. Bodies have a Content-Length or are empty: what the
/// measured servers send.
struct HttpMessage {
  std::string_view start_line;
  std::string_view headers;
  std::string_view body;
  std::size_t size = 0;  ///< 0 while it is not whole
};
HttpMessage take_message(std::string_view bytes);
/// The value of a header; `name` in lower case. Empty if there is none.
std::string_view header_of(const HttpMessage& message, std::string_view name);
int status_of(const HttpMessage& response);

}  // namespace voicectl::bench
