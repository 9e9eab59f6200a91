// SPDX-License-Identifier: Apache-2.0
// What it costs to count for whom a loop works, in nanoseconds of the thread's processor time.
#include <fmt/core.h>

#include <exception>
#include <functional>

#include "base/latency_histogram.h"
#include "base/os/asio_reactor.h"
#include "base/os/work_account.h"

namespace voicectl {
namespace {

constexpr int kTimes = 1'000'000;

void report(std::string_view what, const std::function<void()>& work) {
  const Duration begun = thread_processor_time();
  work();
  fmt::print("meter.{} {:.1f}\n", what,
             static_cast<double>((thread_processor_time() - begun).count()) / kTimes);
}

/// A chain of tasks, each of which posts the next, as a request does that waits for a disk.
void chain(AsioReactor& reactor, int left) {
  reactor.post([&reactor, left] {
    if (left > 0) {
      chain(reactor, left - 1);
    } else {
      reactor.stop();
    }
  });
}

void run() {
  WorkMeter meter;
  const WorkAccountPtr account = meter.open();
  report("scope_ns", [&] {
    for (int i = 0; i < kTimes; ++i) {
      const WorkScope scope(account.get());
    }
  });
  report("nested_scope_ns", [&] {
    const WorkScope outer(account.get());
    for (int i = 0; i < kTimes; ++i) {
      const WorkScope scope(account.get());
    }
  });
  report("two_reads_of_the_threads_time_ns", [] {
    for (int i = 0; i < kTimes; ++i) {
      (void)thread_processor_time();  // only its cost is wanted
      (void)thread_processor_time();
    }
  });
  LatencyHistogram histogram;
  report("latency_ns", [&] {
    for (int i = 0; i < kTimes; ++i) {
      histogram.record(std::chrono::microseconds(i % 5000));
    }
  });
  AsioReactor reactor;
  report("post_for_nobody_ns", [&] {
    chain(reactor, kTimes);
    reactor.run();
  });
  report("post_for_an_account_ns", [&] {
    const WorkScope scope(account.get());
    chain(reactor, kTimes);
    const WorkScope nobody(nullptr);
    reactor.run();
  });
  fmt::print("meter.recorded {}\n", histogram.count());
}

}  // namespace
}  // namespace voicectl

int main() {
  try {
    voicectl::run();
    return 0;
  } catch (const std::exception& problem) {
    fmt::print(stderr, "{}\n", problem.what());
    return 1;
  }
}
