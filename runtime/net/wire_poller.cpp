// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/wire_poller.h"

#include <sys/epoll.h>

#include "base/check.h"

namespace voicectl {

boost::asio::execution_context::id WirePoller::id;

WirePoller::WirePoller(boost::asio::io_context& context)
    : boost::asio::execution_context::service(context),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      descriptor_(context) {
  boost::system::error_code error;
  descriptor_.assign(epoll_.get(), error);
  VC_CHECK(!error, "a process that serves connections has a descriptor left");
}

WirePoller& WirePoller::of(boost::asio::io_context& context) {
  return boost::asio::use_service<WirePoller>(context);
}

void WirePoller::shutdown() {
  is_shut_down_ = true;
  if (descriptor_.is_open()) {
    (void)descriptor_.release();  // `epoll_` closes it
  }
}

bool WirePoller::watch(int fd, PolledSocket& socket, std::uint32_t before, std::uint32_t after) {
  if (before == after) {
    return true;
  }
  epoll_event event{};
  event.events = after;
  event.data.ptr = &socket;
  const int change = before == 0 ? EPOLL_CTL_ADD : (after == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD);
  const bool is_done = ::epoll_ctl(epoll_.get(), change, fd, &event) == 0;
  if (after == 0) {
    --watched_;
    forget(socket);
    return true;
  }
  if (is_done && before == 0) {
    ++watched_;
    arm();
  }
  return is_done;
}

void WirePoller::forget(const PolledSocket& socket) {
  for (Ready& ready : batch_) {
    if (ready.socket == &socket) {
      ready.socket = nullptr;
    }
  }
}

void WirePoller::arm() {
  if (is_armed_ || is_shut_down_ || watched_ == 0) {
    return;
  }
  is_armed_ = true;
  descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                         [this](boost::system::error_code error) {
                           is_armed_ = false;
                           if (!error) {
                             poll();
                             arm();
                           }
                         });
}

void WirePoller::poll() {
  std::array<epoll_event, kBatch> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    batch_[at] = {static_cast<PolledSocket*>(events[at].data.ptr), events[at].events};
  }
  for (Ready& ready : batch_) {
    if (PolledSocket* const socket = ready.socket) {
      ready.socket = nullptr;
      socket->on_ready(ready.events);
    }
  }
}

}  // namespace voicectl
