// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/poll_set.h"

#include <sys/epoll.h>

#include <utility>

namespace voicectl {

/// As old as the io_context that it belongs to.
class PollSet::Common final : public boost::asio::execution_context::service {
 public:
  using key_type = Common;
  static boost::asio::execution_context::id id;

  explicit Common(boost::asio::io_context& context)
      : boost::asio::execution_context::service(context), set(context, nullptr) {}

  PollSet set;

 private:
  void shutdown() override { set.shut_down(); }
};

boost::asio::execution_context::id PollSet::Common::id;

PollSet::PollSet(boost::asio::io_context& context, WorkAccountPtr account)
    : account_(std::move(account)), epoll_(::epoll_create1(EPOLL_CLOEXEC)), descriptor_(context) {
  // Out of descriptors, or of what the kernel keeps for them: then nothing can be watched, and
  // whoever asks for it is refused.
  boost::system::error_code error;
  if (epoll_.is_open()) {
    descriptor_.assign(epoll_.get(), error);
  }
}

PollSet::~PollSet() {
  shut_down();
}

PollSet& PollSet::common_to(boost::asio::io_context& context) {
  return boost::asio::use_service<Common>(context).set;
}

void PollSet::shut_down() {
  alive_.reset();
  if (descriptor_.is_open()) {
    (void)descriptor_.release();  // `epoll_` closes it
  }
}

bool PollSet::watch(int fd, PolledSocket& socket, std::uint32_t before, std::uint32_t after) {
  if (before == after) {
    return true;
  }
  if (!descriptor_.is_open()) {
    return after == 0;
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

void PollSet::pause() {
  is_paused_ = true;
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
  // Not even what was found ready in this turn: it will be found again.
  batch_.fill(Ready{});
}

void PollSet::resume() {
  is_paused_ = false;
  arm();
  Held held;
  held.swap(held_);
  while (!held.empty()) {
    PolledSocket& socket = held.front();
    held.pop_front();
    socket.on_resumed();
  }
}

void PollSet::hold_back(PolledSocket& socket) {
  if (!socket.is_linked()) {
    held_.push_back(socket);
  }
}

void PollSet::forget(const PolledSocket& socket) {
  for (Ready& ready : batch_) {
    if (ready.socket == &socket) {
      ready.socket = nullptr;
    }
  }
}

void PollSet::arm() {
  if (is_armed_ || is_paused_ || alive_ == nullptr || watched_ == 0 || !descriptor_.is_open()) {
    return;
  }
  is_armed_ = true;
  descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                         [this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
                           if (alive.expired()) {
                             return;
                           }
                           is_armed_ = false;
                           if (!error && !is_paused_) {
                             poll();
                           }
                           if (!alive.expired()) {
                             arm();
                           }
                         });
}

void PollSet::poll() {
  const WorkScope scope(account_.get());
  std::array<epoll_event, kBatch> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    batch_[at] = {static_cast<PolledSocket*>(events[at].data.ptr), events[at].events};
  }
  // Whoever is told may be the last to need this set.
  const std::weak_ptr<int> alive = alive_;
  for (std::size_t i = 0; i < kBatch && !alive.expired(); ++i) {
    const Ready ready = std::exchange(batch_[i], Ready());
    if (ready.socket != nullptr) {
      ready.socket->on_ready(ready.events);
    }
  }
}

}  // namespace voicectl
