// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sim_reactor.h"

#include "base/check.h"

namespace voicectl {

void SimReactor::post(Task task) {
  posted_.push_back(std::move(task));
}

TimerId SimReactor::call_at(MonoTime deadline, Task task) {
  const std::uint64_t id = next_id_++;
  timers_.emplace(Key(deadline, id), std::move(task));
  deadlines_.emplace(id, deadline);
  return TimerId{id};
}

void SimReactor::cancel(TimerId timer) {
  const auto id = static_cast<std::uint64_t>(timer);
  const auto found = deadlines_.find(id);
  if (found != deadlines_.end()) {
    timers_.erase(Key(found->second, id));
    deadlines_.erase(found);
  }
}

bool SimReactor::step() {
  Task task;
  if (!posted_.empty()) {
    task = std::move(posted_.front());
    posted_.pop_front();
  } else if (!timers_.empty() && timers_.begin()->first.first <= now_) {
    const auto first = timers_.begin();
    task = std::move(first->second);
    deadlines_.erase(first->first.second);
    timers_.erase(first);
  } else {
    return false;
  }
  task();
  return true;
}

void SimReactor::settle() {
  std::size_t turns = 0;
  while (step()) {
    VC_CHECK(++turns < kMaxTurns, "a scenario comes to rest between two moments");
  }
}

bool SimReactor::advance_to_next_timer() {
  settle();
  if (timers_.empty()) {
    return false;
  }
  now_ = timers_.begin()->first.first;
  settle();
  return true;
}

void SimReactor::advance(Duration length) {
  const MonoTime end = now_ + length;
  settle();
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    settle();
  }
  now_ = end;
}

SimReactorView::SimReactorView(SimReactor& world)
    : world_(world), alive_(std::make_shared<bool>(true)) {}

Reactor::Task SimReactorView::guarded(Task task) const {
  return [alive = alive_, run = std::move(task)] {
    if (*alive) {
      run();
    }
  };
}

void SimReactorView::post(Task task) {
  if (*alive_) {
    world_.post(guarded(std::move(task)));
  }
}

TimerId SimReactorView::call_at(MonoTime deadline, Task task) {
  return *alive_ ? world_.call_at(deadline, guarded(std::move(task))) : TimerId{0};
}

void SimOffload::run(Reactor::Task work, Reactor::Task done) {
  reactor_.post([this, work = std::move(work), done = std::move(done)] {
    work();
    reactor_.post(done);
  });
}

}  // namespace voicectl
