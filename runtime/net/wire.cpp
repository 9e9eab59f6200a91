// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace voicectl {
namespace {

constexpr std::size_t kReadSize = std::size_t{16} * 1024;

/// Reads in one turn, so that a fast sender does not hold up the others.
constexpr int kReadsPerTurn = 4;

enum class Retry { kNow, kWhenReady, kNever };

Retry retry_after_error() {
  if (errno == EINTR) {
    return Retry::kNow;
  }
  return errno == EAGAIN || errno == EWOULDBLOCK ? Retry::kWhenReady : Retry::kNever;
}

void send_at_once(int fd) {
  // Does nothing on a unix socket, which never delays.
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only speed is at stake
}

}  // namespace

Wire::Wire(boost::asio::io_context& context, UniqueFd socket, std::string unsent)
    : descriptor_(context), unsent_(std::move(unsent)) {
  boost::system::error_code error;
  send_at_once(socket.get());
  descriptor_.assign(socket.release(), error);
  is_broken_ = error.failed();
}

Wire::~Wire() {
  close();
}

void Wire::resume() {
  is_reading_ = !has_ended_;
  if (is_broken_) {
    report_later(&WireOwner::on_broken);
    return;
  }
  wait_readable();
  flush();
}

void Wire::pause() {
  is_reading_ = false;
}

void Wire::queue(std::string bytes) {
  if (is_broken_ || is_finishing_) {
    return;
  }
  if (unsent_.empty()) {
    unsent_ = std::move(bytes);
  } else {
    unsent_ += bytes;
  }
}

void Wire::flush() {
  if (!is_open() || is_broken_ || waits_writable_) {
    return;
  }
  send_some();
  if (is_broken_) {
    report_later(&WireOwner::on_broken);
  } else if (unsent_size() > 0) {
    wait_writable();
  } else if (is_finishing_) {
    ::shutdown(descriptor_.native_handle(), SHUT_WR);
    if (has_ended_) {
      report_later(&WireOwner::on_end);
    }
  }
}

void Wire::send_some() {
  while (unsent_size() > 0) {
    const ssize_t sent = ::send(descriptor_.native_handle(), unsent_.data() + written_,
                                unsent_size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      written_ += static_cast<std::size_t>(sent);
      continue;
    }
    const Retry retry = retry_after_error();
    if (retry == Retry::kWhenReady) {
      return;
    }
    if (retry == Retry::kNever) {
      is_broken_ = true;
      break;
    }
  }
  unsent_.clear();
  unsent_.shrink_to_fit();
  written_ = 0;
}

void Wire::wait_writable() {
  waits_writable_ = true;
  descriptor_.async_wait(Descriptor::wait_write,
                         [self = shared_from_this()](boost::system::error_code error) {
                           if (error || !self->is_open()) {
                             return;
                           }
                           self->waits_writable_ = false;
                           self->flush();
                           if (self->unsent_size() == 0 && !self->is_broken_) {
                             self->owner_->on_written();
                           }
                         });
}

void Wire::wait_readable() {
  if (waits_readable_ || !is_reading_ || !is_open()) {
    return;
  }
  waits_readable_ = true;
  descriptor_.async_wait(Descriptor::wait_read,
                         [self = shared_from_this()](boost::system::error_code error) {
                           if (error || !self->is_open()) {
                             return;
                           }
                           self->waits_readable_ = false;
                           self->read();
                         });
}

void Wire::read() {
  char buffer[kReadSize];
  for (int turn = 0; turn < kReadsPerTurn && is_reading_ && is_open(); ++turn) {
    const ssize_t received =
        ::recv(descriptor_.native_handle(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (received < 0) {
      const Retry retry = retry_after_error();
      if (retry == Retry::kNow) {
        continue;
      }
      if (retry == Retry::kNever) {
        is_reading_ = false;
        is_broken_ = true;
        owner_->on_broken();
        return;
      }
      break;
    }
    if (!take_received(std::string_view(buffer, static_cast<std::size_t>(received)))) {
      break;
    }
  }
  wait_readable();
}

bool Wire::take_received(std::string_view bytes) {
  if (bytes.empty()) {
    is_reading_ = false;
    has_ended_ = true;
    // While something is unsent, `flush` reports the end when it has been written.
    if (!is_finishing_ || unsent_size() == 0) {
      owner_->on_end();
    }
    return false;
  }
  if (!is_finishing_) {
    owner_->on_bytes(bytes);
  }
  return bytes.size() == kReadSize;
}

void Wire::finish() {
  if (is_finishing_ || is_broken_) {
    return;
  }
  is_finishing_ = true;
  is_reading_ = !has_ended_;
  wait_readable();
  flush();
}

void Wire::report_later(void (WireOwner::*event)()) {
  boost::asio::post(descriptor_.get_executor(), [self = shared_from_this(), event] {
    if (self->is_open() && self->owner_ != nullptr) {
      (self->owner_->*event)();
    }
  });
}

void Wire::close() {
  owner_ = nullptr;
  is_reading_ = false;
  if (is_open()) {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }
}

ReleasedWire Wire::release() {
  ReleasedWire released;
  owner_ = nullptr;
  is_reading_ = false;
  unsent_.erase(0, written_);
  written_ = 0;
  released.unsent = std::exchange(unsent_, std::string());
  if (is_open()) {
    // Takes the socket out of epoll first: the open file lives on in another process, and would
    // otherwise go on to report events here.
    released.socket = UniqueFd(descriptor_.release());
  }
  return released;
}

}  // namespace voicectl
