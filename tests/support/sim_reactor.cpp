// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sim_reactor.h"

namespace voicectl {

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
