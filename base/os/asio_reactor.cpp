// SPDX-License-Identifier: Apache-2.0
#include "base/os/asio_reactor.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/os/work_account.h"

namespace voicectl {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

/// One watched descriptor. Shared with the handler that waits, so that a task may unwatch itself.
struct Watch {
  Watch(asio::io_context& context, stream_descriptor::wait_type direction, Reactor::Task on_event)
      : descriptor(context), wait(direction), task(std::move(on_event)) {}
  ~Watch() { forget(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// The descriptor is the caller's. release() takes it out of epoll; closing without it would
  /// leave the registration alive wherever a duplicate of the open file lives.
  void forget() {
    is_active = false;
    if (descriptor.is_open()) {
      descriptor.release();
    }
  }

  stream_descriptor descriptor;
  stream_descriptor::wait_type wait;
  Reactor::Task task;
  WorkAccountPtr account{present_account()};
  bool is_active = true;
};

void wait_for_event(const std::shared_ptr<Watch>& watch) {
  watch->descriptor.async_wait(watch->wait, [watch](const boost::system::error_code& problem) {
    if (problem || !watch->is_active) {
      return;
    }
    {
      const WorkScope scope(watch->account.get());
      watch->task();
    }
    if (watch->is_active) {
      wait_for_event(watch);
    }
  });
}

}  // namespace

struct AsioReactor::Inner {
  using TimerKey = std::pair<MonoTime, std::uint64_t>;
  struct Timer {
    Task task;
    WorkAccountPtr account;
  };

  /// Not told that one thread runs it: what is posted then waits in that run, and a run within a
  /// task (a test that waits while it waits) would never see it.
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  /// Asio's own queue does not keep equal deadlines in order of arrival, so it only wakes ours.
  asio::steady_timer alarm{context};
  std::map<TimerKey, Timer> timers;
  std::unordered_map<std::uint64_t, MonoTime> deadlines;
  std::unordered_map<std::uint64_t, std::shared_ptr<Watch>> watches;
  std::uint64_t next_id = 1;
  /// Time of this turn, once somebody asked. Also right in turns of code that speaks Asio itself.
  std::optional<MonoTime> turn_time;
  bool is_running = false;
  std::atomic<std::thread::id> loop_thread{std::this_thread::get_id()};

  void set_alarm() {
    if (timers.empty()) {
      return;
    }
    alarm.expires_at(timers.begin()->first.first);
    alarm.async_wait([this](const boost::system::error_code& problem) {
      if (!problem) {
        fire();
      }
    });
  }

  /// One timer is one turn, so that it sees its own time and what the one before it posted.
  void fire() {
    const auto first = timers.begin();
    if (first == timers.end() || first->first.first > std::chrono::steady_clock::now()) {
      set_alarm();
      return;
    }
    const Timer timer = std::move(first->second);
    deadlines.erase(first->first.second);
    timers.erase(first);
    set_alarm();
    const WorkScope scope(timer.account.get());
    timer.task();
  }

  WatchId watch(int fd, stream_descriptor::wait_type direction, Task task) {
    auto entry = std::make_shared<Watch>(context, direction, std::move(task));
    boost::system::error_code problem;
    entry->descriptor.assign(fd, problem);
    VC_CHECK(!problem, "a watched descriptor is open, can be polled and has no other watch");
    const std::uint64_t id = next_id++;
    watches.emplace(id, entry);
    wait_for_event(entry);
    return WatchId{id};
  }
};

AsioReactor::AsioReactor() : inner_(std::make_unique<Inner>()) {}

AsioReactor::~AsioReactor() {
  for (const auto& [id, watch] : inner_->watches) {
    watch->forget();
  }
}

void AsioReactor::run() {
  inner_->loop_thread = std::this_thread::get_id();
  inner_->is_running = true;
  while (!inner_->context.stopped()) {
    inner_->turn_time.reset();
    inner_->context.run_one();
  }
  inner_->is_running = false;
  inner_->context.restart();
}

void AsioReactor::stop() {
  inner_->context.stop();
}

boost::asio::io_context& AsioReactor::context() {
  return inner_->context;
}

MonoTime AsioReactor::now() const {
  if (!inner_->is_running) {
    return std::chrono::steady_clock::now();
  }
  if (!inner_->turn_time) {
    inner_->turn_time = std::chrono::steady_clock::now();
  }
  return *inner_->turn_time;
}

void AsioReactor::post(Task task) {
  if (present_account() == nullptr) {
    asio::post(inner_->context, std::move(task));
    return;
  }
  asio::post(inner_->context,
             [account = WorkAccountPtr(present_account()), task = std::move(task)] {
               const WorkScope scope(account.get());
               task();
             });
}

TimerId AsioReactor::call_at(MonoTime deadline, Task task) {
  const std::uint64_t id = inner_->next_id++;
  Inner::Timer timer{std::move(task), WorkAccountPtr(present_account())};
  const auto placed = inner_->timers.emplace(Inner::TimerKey(deadline, id), std::move(timer)).first;
  inner_->deadlines.emplace(id, deadline);
  if (placed == inner_->timers.begin()) {
    inner_->set_alarm();
  }
  return TimerId{id};
}

void AsioReactor::cancel(TimerId timer) {
  const auto id = static_cast<std::uint64_t>(timer);
  const auto found = inner_->deadlines.find(id);
  if (found != inner_->deadlines.end()) {
    inner_->timers.erase(Inner::TimerKey(found->second, id));
    inner_->deadlines.erase(found);
  }
}

bool AsioReactor::in_loop() const {
  return inner_->loop_thread.load() == std::this_thread::get_id();
}

WatchId AsioReactor::watch_readable(int fd, Task task) {
  return inner_->watch(fd, stream_descriptor::wait_read, std::move(task));
}

WatchId AsioReactor::watch_writable(int fd, Task task) {
  return inner_->watch(fd, stream_descriptor::wait_write, std::move(task));
}

void AsioReactor::unwatch(WatchId watch) {
  const auto found = inner_->watches.find(static_cast<std::uint64_t>(watch));
  if (found != inner_->watches.end()) {
    found->second->forget();
    inner_->watches.erase(found);
  }
}

struct ThreadOffload::Inner {
  struct Piece {
    Reactor::Task work;
    Reactor::Task done;
    WorkAccountPtr account;
  };

  explicit Inner(Reactor& loop) : reactor(loop), thread([this] { serve(); }) {}

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return is_ending || !pieces.empty(); });
      if (pieces.empty()) {
        return;
      }
      Piece piece = std::move(pieces.front());
      pieces.pop_front();
      lock.unlock();
      {
        HelperScope scope(piece.account.get());
        piece.work();
        piece.work = nullptr;  // what it captured dies here, before `done` can run
        scope.charge();
        reactor.post(std::move(piece.done));
      }
      lock.lock();
    }
  }

  Reactor& reactor;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Piece> pieces;
  bool is_ending = false;
  std::thread thread;  // last: it uses the others from its first moment
};

ThreadOffload::ThreadOffload(Reactor& reactor) : inner_(std::make_unique<Inner>(reactor)) {}

ThreadOffload::~ThreadOffload() {
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->is_ending = true;
  }
  inner_->wake.notify_one();
  inner_->thread.join();
}

void ThreadOffload::run(Reactor::Task work, Reactor::Task done) {
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->pieces.push_back({std::move(work), std::move(done), WorkAccountPtr(present_account())});
  }
  inner_->wake.notify_one();
}

}  // namespace voicectl
