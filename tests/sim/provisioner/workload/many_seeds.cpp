// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/many_seeds.h"

#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace voicectl {
namespace {

thread_local std::uint64_t own_seed = 0;

/// Hands out seeds, and takes what came of them back into their order.
class Round {
 public:
  Round(const Seeds& seeds, GoOn go_on, const std::function<void(const Played&)>& on_played)
      : seeds_(seeds), go_on_(go_on), on_played_(on_played) {}

  void work() {
    while (const std::optional<std::uint64_t> seed = next()) {
      own_seed = *seed;
      Played played = play(story_of(seeds_, *seed));
      own_seed = 0;
      take(*seed, std::move(played));
    }
  }

  std::vector<Failure> failures() && { return std::move(failures_); }

 private:
  std::optional<std::uint64_t> next() {
    const std::lock_guard guard(mutex_);
    const bool is_over = begun_ == seeds_.count || has_stopped_;
    return is_over ? std::nullopt : std::optional(seeds_.first + begun_++);
  }

  void take(std::uint64_t seed, Played played) {
    const std::lock_guard guard(mutex_);
    // Those before it are being played: they may fail, too, and come first.
    has_stopped_ = has_stopped_ || (played.violation && go_on_ == GoOn::kNo);
    waiting_.emplace(seed, std::move(played));
    for (auto one = waiting_.begin();
         one != waiting_.end() && one->first == seeds_.first + told_ && !is_told_;
         one = waiting_.erase(one)) {
      ++told_;
      on_played_(one->second);
      if (one->second.violation) {
        failures_.push_back({one->first, std::move(one->second)});
        is_told_ = go_on_ == GoOn::kNo;
      }
    }
  }

  const Seeds& seeds_;
  const GoOn go_on_;
  const std::function<void(const Played&)>& on_played_;
  std::mutex mutex_;
  std::uint64_t begun_ = 0;
  std::uint64_t told_ = 0;
  bool has_stopped_ = false;
  bool is_told_ = false;
  std::map<std::uint64_t, Played> waiting_;
  std::vector<Failure> failures_;
};

}  // namespace

Story story_of(const Seeds& seeds, std::uint64_t seed) {
  return shifted(make_story(seed, seeds.length), seeds.shift);
}

std::vector<Failure> play_seeds(const Seeds& seeds,
                                GoOn go_on,
                                const std::function<void(const Played&)>& on_played) {
  Round round(seeds, go_on, on_played);
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < seeds.jobs; ++i) {
    threads.emplace_back([&round] { round.work(); });
  }
  round.work();
  for (std::thread& thread : threads) {
    thread.join();
  }
  return std::move(round).failures();
}

std::uint64_t seed_at_play() {
  return own_seed;
}

}  // namespace voicectl
