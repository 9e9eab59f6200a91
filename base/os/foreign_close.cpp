// SPDX-License-Identifier: Apache-2.0
#include "base/os/foreign_close.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace voicectl {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Enough for a call of close(), also with what sanitizers add.
constexpr std::size_t kStackBytes = std::size_t{256} << 10;

/// Its default is to be ignored, so that nobody sends it to end us.
constexpr int kCallOut = SIGURG;

void wake_up(int) {}

/// A signal without a handler does not interrupt anybody.
void arrange_call_out() {
  struct sigaction known {};
  if (::sigaction(kCallOut, nullptr, &known) != 0 ||
      (known.sa_handler != SIG_DFL && known.sa_handler != SIG_IGN)) {
    return;  // somebody's own handler does as well
  }
  struct sigaction wanted {};
  wanted.sa_handler = &wake_up;
  wanted.sa_flags = SA_RESTART;  // other threads, if it is sent to the process, notice nothing
  (void)::sigaction(kCallOut, &wanted, nullptr);  // without it those that are late stay so
}

}  // namespace

struct ForeignCloser::State {
  struct Item {
    int fd = -1;
    /// Set when it is closed, for whoever waits.
    std::shared_ptr<bool> is_closed{};
  };
  struct Worker {
    pthread_t self{};
    /// Of the close() that it is in.
    std::optional<SteadyTime> began{};
  };

  explicit State(Options wanted) : options(std::move(wanted)) {
    if (!options.close) {
      options.close = [](int fd) { ::close(fd); };
    }
    arrange_call_out();
  }

  // All of these: REQUIRES: `mutex` is held.

  bool is_late(const Worker& worker, SteadyTime now) const {
    return worker.began && now >= *worker.began + options.patience;
  }
  /// Until when whoever is at work is not late; nullopt if nobody is at work but those who are.
  std::optional<SteadyTime> end_of_patience() const {
    const SteadyTime now = std::chrono::steady_clock::now();
    for (const Worker* const worker : workers) {
      if (worker->began && !is_late(*worker, now)) {
        return *worker->began + options.patience;
      }
    }
    return std::nullopt;
  }
  void call_out_late() const {
    const SteadyTime now = std::chrono::steady_clock::now();
    for (const Worker* const worker : workers) {
      if (is_late(*worker, now)) {
        // One that came just before it began to wait is lost: it comes again with the next.
        (void)::pthread_kill(worker->self, kCallOut);
      }
    }
  }
  void add(const std::shared_ptr<State>& self, Item item) {
    queue.push_back(std::move(item));
    call_out_late();
    if (idle == 0) {
      start_thread(self);
    }
    changed.notify_one();
  }
  void start_thread(const std::shared_ptr<State>& self);
  void work(const std::shared_ptr<State>& self);
  void close_next(const std::shared_ptr<State>& self,
                  Worker& worker,
                  std::unique_lock<std::mutex>& lock);

  Options options;
  std::mutex mutex;
  std::condition_variable changed;
  /// Something that is waited for is closed.
  std::condition_variable finished;
  std::deque<Item> queue;
  std::vector<Worker*> workers;
  std::size_t threads = 0;
  /// Of those, the ones that close nothing.
  std::size_t idle = 0;
  std::atomic<std::size_t> open = 0;
  bool is_over = false;
};

void ForeignCloser::State::start_thread(const std::shared_ptr<State>& self) {
  if (threads >= options.most_threads) {
    return;
  }
  pthread_attr_t attributes{};
  if (::pthread_attr_init(&attributes) != 0) {
    return;
  }
  (void)::pthread_attr_setstacksize(&attributes, kStackBytes);  // else as large as usual
  (void)::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Handlers of the process's own run where they always did.
  sigset_t all{};
  sigset_t before{};
  (void)::sigfillset(&all);
  (void)::sigdelset(&all, kCallOut);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto given = std::make_unique<std::shared_ptr<State>>(self);
  const auto body = [](void* argument) -> void* {
    const std::unique_ptr<std::shared_ptr<State>> state(
        static_cast<std::shared_ptr<State>*>(argument));
    (*state)->work(*state);
    return nullptr;
  };
  pthread_t thread{};
  if (::pthread_create(&thread, &attributes, body, given.get()) == 0) {
    (void)given.release();  // the thread's from here on
    ++threads;
    ++idle;
  }
  // Else whoever comes next tries again.
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  (void)::pthread_attr_destroy(&attributes);
}

void ForeignCloser::State::work(const std::shared_ptr<State>& self) {
  Worker me{::pthread_self()};
  std::unique_lock lock(mutex);
  workers.push_back(&me);
  while (!is_over) {
    if (queue.empty()) {
      changed.wait(lock);
    } else if (const std::optional<SteadyTime> until = end_of_patience()) {
      // One at a time is enough, unless it is late; then we are here to notice.
      changed.wait_until(lock, *until);
    } else {
      close_next(self, me, lock);
    }
  }
  std::erase(workers, &me);
}

void ForeignCloser::State::close_next(const std::shared_ptr<State>& self,
                                      Worker& worker,
                                      std::unique_lock<std::mutex>& lock) {
  const Item item = std::move(queue.front());
  queue.pop_front();
  call_out_late();
  worker.began = std::chrono::steady_clock::now();
  --idle;
  if (!queue.empty() && idle == 0) {
    start_thread(self);
  }
  lock.unlock();
  options.close(item.fd);
  lock.lock();
  worker.began.reset();
  ++idle;
  --open;
  if (item.is_closed) {
    *item.is_closed = true;
    finished.notify_all();
  }
}

ForeignCloser::ForeignCloser(Options options)
    : state_(std::make_shared<State>(std::move(options))) {}

ForeignCloser::~ForeignCloser() {
  const std::lock_guard lock(state_->mutex);
  state_->is_over = true;
  state_->changed.notify_all();
}

void ForeignCloser::close(UniqueFd fd) {
  (void)close_within(std::move(fd), Duration::zero());
}

bool ForeignCloser::close_within(UniqueFd fd, Duration patience) {
  const int number = fd.release();
  if (number < 0) {
    return true;
  }
  const int problem = errno;  // whoever lets go of something has other worries
  const linger off{};
  (void)::setsockopt(number, SOL_SOCKET, SO_LINGER, &off, sizeof off);  // no socket: none needed
  const auto is_closed =
      patience > Duration::zero() ? std::make_shared<bool>(false) : std::shared_ptr<bool>();
  std::unique_lock lock(state_->mutex);
  ++state_->open;
  state_->add(state_, {number, is_closed});
  errno = problem;
  if (!is_closed) {
    return false;
  }
  return state_->threads > 0 &&
         state_->finished.wait_for(lock, patience, [&] { return *is_closed; });
}

std::size_t ForeignCloser::open_count() const {
  return state_->open;
}

namespace {

/// Never destroyed: descriptors are let go of until the process's last moment, and threads may be
/// at work then.
ForeignCloser& own_closer() {
  static ForeignCloser* const closer = new ForeignCloser({});
  return *closer;
}

}  // namespace

void close_elsewhere(UniqueFd fd) {
  own_closer().close(std::move(fd));
}

bool close_within(UniqueFd fd, Duration patience) {
  return own_closer().close_within(std::move(fd), patience);
}

std::size_t still_closing() {
  return own_closer().open_count();
}

}  // namespace voicectl
