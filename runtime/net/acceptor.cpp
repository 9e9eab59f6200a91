// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/acceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/os/work_account.h"

namespace voicectl {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr Duration kExhaustedPause = std::chrono::milliseconds(100);

enum class AcceptTrouble {
  kNoneWaiting,
  kThatOneLeft,  ///< it is gone before we came; the next may be there
  kExhausted,
  kOver,  ///< its address is bound anew elsewhere: nobody comes here any more
};

AcceptTrouble accept_trouble() {
  switch (errno) {
    case EAGAIN:
      return AcceptTrouble::kNoneWaiting;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return AcceptTrouble::kExhausted;
    case EINVAL:
      return AcceptTrouble::kOver;
    default:
      return AcceptTrouble::kThatOneLeft;
  }
}

/// A connection inherits what others have set on the listener, and its close() could then take as
/// long as its peer likes. From here on nobody else has it.
void stop_lingering(const UniqueFd& socket) {
  const linger off{};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &off, sizeof off);  // only if it is gone
}

}  // namespace

struct Acceptor::Inner : std::enable_shared_from_this<Acceptor::Inner> {
  using Descriptor =
      boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  Inner(AsioReactor& loop, Handlers wanted, bool is_lent)
      : reactor(loop),
        descriptor(loop.context()),
        handlers(std::move(wanted)),
        is_foreign(is_lent) {}

  void wait() {
    descriptor.async_wait(Descriptor::wait_read,
                          [self = shared_from_this()](boost::system::error_code error) {
                            if (!error && self->descriptor.is_open()) {
                              self->accept_waiting();
                            }
                          });
  }

  void accept_waiting() {
    const WorkScope scope(account.get());
    for (int i = 0; i < kAcceptsPerTurn && descriptor.is_open(); ++i) {
      UniqueFd socket(
          ::accept4(descriptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.is_open()) {
        if (is_foreign) {
          stop_lingering(socket);
        }
        handlers.on_connection(std::move(socket));
        continue;
      }
      const AcceptTrouble trouble = accept_trouble();
      if (trouble == AcceptTrouble::kExhausted && is_anyone_waiting()) {
        pause();
        return;
      }
      if (trouble == AcceptTrouble::kOver) {
        return;
      }
      if (trouble != AcceptTrouble::kThatOneLeft) {
        break;
      }
    }
    if (descriptor.is_open()) {
      wait();
    }
  }

  /// accept4 asks for a descriptor before it looks at the queue, so it complains also when the
  /// last free descriptor has just gone to the last one waiting.
  bool is_anyone_waiting() {
    pollfd listener{descriptor.native_handle(), POLLIN, 0};
    return ::poll(&listener, 1, 0) == 1;
  }

  void pause() {
    timer = reactor.call_after(kExhaustedPause, [self = shared_from_this()] {
      self->timer.reset();
      self->accept_waiting();
    });
    handlers.on_exhausted();
  }

  void stop() {
    if (timer) {
      reactor.cancel(*timer);
      timer.reset();
    }
    if (descriptor.is_open()) {
      // Leaves epoll before closing: a duplicate elsewhere keeps the open file alive, and with it
      // a registration that was not taken back.
      const int number = descriptor.release();
      (is_foreign ? UniqueFd::foreign(number) : UniqueFd(number)).close();
    }
  }

  AsioReactor& reactor;
  Descriptor descriptor;
  Handlers handlers;
  bool is_foreign;
  WorkAccountPtr account{present_account()};
  std::optional<TimerId> timer;
};

Acceptor::Acceptor(AsioReactor& reactor, UniqueFd listener, Handlers handlers)
    : inner_(std::make_shared<Inner>(reactor, std::move(handlers), listener.is_foreign())) {
  const int flags = ::fcntl(listener.get(), F_GETFL);
  (void)::fcntl(listener.get(), F_SETFL, flags | O_NONBLOCK);  // fails only for a closed one
  boost::system::error_code error;
  inner_->descriptor.assign(listener.release(), error);
  if (!error) {
    inner_->wait();
  }
}

Acceptor::~Acceptor() {
  inner_->stop();
}

}  // namespace voicectl
