// SPDX-License-Identifier: Apache-2.0
#include "tests/support/real_loop.h"

namespace voicectl {
namespace {

/// How often the condition is asked.
constexpr Duration kAskEvery = std::chrono::milliseconds(1);

}  // namespace

bool RealLoop::run_until(const std::function<bool()>& condition, Duration limit) {
  const MonoTime deadline = reactor_.now() + limit;
  TimerId question{};
  std::function<void()> ask = [&] {
    if (condition() || reactor_.now() >= deadline) {
      reactor_.stop();
    } else {
      question = reactor_.call_after(kAskEvery, ask);
    }
  };
  reactor_.post(ask);
  reactor_.run();
  reactor_.cancel(question);  // it refers to this call
  return condition();
}

void RealLoop::run_for(Duration length) {
  reactor_.call_after(length, [this] { reactor_.stop(); });
  reactor_.run();
}

}  // namespace voicectl
