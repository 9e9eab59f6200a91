// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/os/reactor.h"

namespace boost::asio {
class io_context;
}

namespace voicectl {

/// The real loop: Boost.Asio on epoll. One handler of Asio, ours or another's, is one turn.
///
/// Until `run` the thread that made it counts as the loop thread.
class AsioReactor final : public Reactor, public FdWatcher {
 public:
  AsioReactor();
  ~AsioReactor() override;
  AsioReactor(const AsioReactor&) = delete;
  AsioReactor& operator=(const AsioReactor&) = delete;

  /// Runs until `stop`. The calling thread becomes the loop thread.
  void run();
  /// Ends `run` after the present turn; before `run`, makes it return at once. THREADS: any.
  void stop();

  /// For code that speaks Asio itself (HTTP, WebSocket). Same loop, same thread.
  boost::asio::io_context& context();

  MonoTime now() const override;
  void post(Task task) override;
  TimerId call_at(MonoTime deadline, Task task) override;
  void cancel(TimerId timer) override;
  bool in_loop() const override;
  WatchId watch_readable(int fd, Task task) override;
  WatchId watch_writable(int fd, Task task) override;
  void unwatch(WatchId watch) override;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

/// One helper thread that serves an AsioReactor (or any reactor). The destructor finishes the
/// queue first.
class ThreadOffload final : public Offload {
 public:
  explicit ThreadOffload(Reactor& reactor);
  ~ThreadOffload() override;
  void run(Reactor::Task work, Reactor::Task done) override;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl
