// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/loop_lag.h"

#include <utility>

namespace voicectl::runtime {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(250);

}  // namespace

LoopLag::LoopLag(Reactor& reactor) : reactor_(reactor) {
  wait();
}

LoopLag::~LoopLag() {
  if (timer_) {
    reactor_.cancel(*timer_);
  }
}

void LoopLag::wait() {
  const MonoTime due = reactor_.now() + kLookEvery;
  timer_ = reactor_.call_at(due, [this, due] {
    fresh_.record(reactor_.now() - due);
    wait();
  });
}

LatencyHistogram LoopLag::take() {
  older_.merge(fresh_);
  return std::exchange(fresh_, LatencyHistogram());
}

LatencyHistogram LoopLag::all() const {
  LatencyHistogram out = older_;
  out.merge(fresh_);
  return out;
}

}  // namespace voicectl::runtime
