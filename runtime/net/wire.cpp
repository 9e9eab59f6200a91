// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
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

Wire::Wire(boost::asio::io_context& context, PollSet& set, UniqueFd socket, std::string unsent)
    : context_(context),
      set_(set),
      socket_(std::move(socket)),
      unsent_(std::move(unsent)),
      is_broken_(!socket_.is_open()) {
  send_at_once(socket_.get());
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
  watch();
  flush();
}

void Wire::pause() {
  // The set goes on until it has something to tell: most are read again before that.
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
  if (set_.is_paused()) {
    // Not for nothing: whoever goes on with ten thousand that have nothing to say visits none.
    if (unsent_size() > 0 || is_finishing_) {
      set_.hold_back(*this);
    }
    return;
  }
  send_some();
  tell_of_unsent();
  if (is_broken_) {
    report_later(&WireOwner::on_broken);
  } else if (unsent_size() > 0) {
    waits_writable_ = true;
    watch();
  } else if (is_finishing_) {
    ::shutdown(socket_.get(), SHUT_WR);
    if (has_ended_) {
      report_later(&WireOwner::on_end);
    }
  }
}

void Wire::write(std::string_view bytes) {
  const bool is_free = is_open() && !is_broken_ && !is_finishing_ && unsent_size() == 0 &&
                       !waits_writable_ && !set_.is_paused();
  if (is_free) {
    bytes.remove_prefix(send(bytes));
    if (is_broken_) {
      report_later(&WireOwner::on_broken);
    }
  }
  queue(std::string(bytes));
  flush();
}

std::size_t Wire::send(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data() + taken, bytes.size() - taken,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      set_.count_sent(static_cast<std::size_t>(sent));
      taken += static_cast<std::size_t>(sent);
      continue;
    }
    const Retry retry = retry_after_error();
    if (retry != Retry::kNow) {
      is_broken_ = retry == Retry::kNever;
      break;
    }
  }
  return taken;
}

void Wire::send_some() {
  written_ += send(unsent());
  if (unsent_size() > 0 && !is_broken_) {
    return;
  }
  unsent_.clear();
  unsent_.shrink_to_fit();
  written_ = 0;
}

std::uint32_t Wire::wanted() const {
  return (is_reading_ ? std::uint32_t{EPOLLIN} : 0U) |
         (waits_writable_ ? std::uint32_t{EPOLLOUT} : 0U);
}

void Wire::watch() {
  if (!is_open() || watched_ == wanted()) {
    return;
  }
  const bool is_watched = set_.watch(socket_.get(), *this, watched_, wanted());
  watched_ = is_watched ? wanted() : watched_;
  if (!is_watched) {
    break_down();
    report_later(&WireOwner::on_broken);
  }
}

void Wire::unwatch() {
  if (watched_ != 0) {
    set_.watch(socket_.get(), *this, std::exchange(watched_, 0U), 0);
  }
}

void Wire::break_down() {
  is_broken_ = true;
  is_reading_ = false;
  waits_writable_ = false;
  unwatch();
}

void Wire::on_ready(std::uint32_t events) {
  const auto self = shared_from_this();
  const std::uint32_t missed = events & ~wanted();
  // A failure is told to whoever asks the socket next.
  const bool has_failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (wanted() == 0 || (missed & (EPOLLIN | EPOLLOUT)) != 0) {
    watch();
  }
  if (waits_writable_ && (has_failed || (events & EPOLLOUT) != 0)) {
    write_again();
  }
  if (is_open() && is_reading_ && (has_failed || (events & EPOLLIN) != 0)) {
    read();
  }
}

void Wire::tell_of_unsent() {
  const bool has_unsent = unsent_size() > 0;
  if (std::exchange(had_unsent_, has_unsent) || has_unsent) {
    if (owner_ != nullptr) {
      owner_->on_unsent_changed();
    }
  }
}

void Wire::on_resumed() {
  const auto self = shared_from_this();
  const bool had_unsent = unsent_size() > 0;
  flush();
  if (had_unsent && is_open() && unsent_size() == 0 && !is_broken_ && owner_ != nullptr) {
    owner_->on_written();
  }
}

void Wire::write_again() {
  waits_writable_ = false;
  flush();
  watch();
  if (is_open() && unsent_size() == 0 && !is_broken_) {
    owner_->on_written();
  }
}

void Wire::read() {
  owner_->on_reading();
  read_some();
  if (is_open() && owner_ != nullptr) {
    owner_->on_read();
  }
}

void Wire::read_some() {
  char buffer[kReadSize];
  for (int turn = 0; turn < kReadsPerTurn && is_reading_ && is_open(); ++turn) {
    const ssize_t received = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (received < 0) {
      const Retry retry = retry_after_error();
      if (retry == Retry::kNow) {
        continue;
      }
      if (retry == Retry::kNever) {
        break_down();
        owner_->on_broken();
        return;
      }
      break;
    }
    if (!take_received(std::string_view(buffer, static_cast<std::size_t>(received)))) {
      break;
    }
  }
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
  set_.count_received(bytes.size());
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
  watch();
  flush();
}

void Wire::report_later(void (WireOwner::*event)()) {
  boost::asio::post(
      context_, [self = shared_from_this(), event, account = WorkAccountPtr(present_account())] {
        const WorkScope scope(account.get());
        if (self->is_open() && self->owner_ != nullptr) {
          (self->owner_->*event)();
        }
      });
}

void Wire::close() {
  owner_ = nullptr;
  is_reading_ = false;
  if (is_open()) {
    // Not left to `close`: the open file may live on in another process, and would go on to report
    // events here.
    unwatch();
    unlink();
    socket_.close();
  }
}

void Wire::hang_up() {
  if (is_open()) {
    ::shutdown(socket_.get(), SHUT_RDWR);
  }
  close();
}

int Wire::lend() {
  if (socket_.is_open() && !socket_.is_foreign()) {
    socket_ = UniqueFd::foreign(socket_.release());
  }
  return socket_.get();
}

UniqueFd Wire::release() {
  owner_ = nullptr;
  is_reading_ = false;
  unsent_.clear();
  written_ = 0;
  unwatch();  // as in `close`
  unlink();
  return std::move(socket_);
}

}  // namespace voicectl
