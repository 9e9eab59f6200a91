// SPDX-License-Identifier: Apache-2.0
#include "base/os/virtual_reactor.h"

#include "base/check.h"

namespace voicectl {

void VirtualReactor::post(Task task) {
  posted_.push_back(std::move(task));
}

TimerId VirtualReactor::call_at(MonoTime deadline, Task task) {
  const std::uint64_t id = next_id_++;
  timers_.emplace(Key(deadline, id), std::move(task));
  deadlines_.emplace(id, deadline);
  return TimerId{id};
}

void VirtualReactor::cancel(TimerId timer) {
  const auto id = static_cast<std::uint64_t>(timer);
  const auto found = deadlines_.find(id);
  if (found != deadlines_.end()) {
    timers_.erase(Key(found->second, id));
    deadlines_.erase(found);
  }
}

bool VirtualReactor::step() {
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

void VirtualReactor::settle() {
  std::size_t turns = 0;
  while (step()) {
    VC_CHECK(++turns < kMaxTurns, "a scenario comes to rest between two moments");
  }
}

bool VirtualReactor::advance_to_next_timer() {
  settle();
  if (timers_.empty()) {
    return false;
  }
  now_ = timers_.begin()->first.first;
  settle();
  return true;
}

void VirtualReactor::advance(Duration length) {
  const MonoTime end = now_ + length;
  settle();
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    settle();
  }
  now_ = end;
}

}  // namespace voicectl
