// SPDX-License-Identifier: Apache-2.0
// Plays stories of the simulated data centre: many seeds, or one from a file.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/sim/provisioner/workload/workload.h"

namespace voicectl {
namespace {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t count = 100;
  std::size_t length = 60;
  std::string story;
  bool shows_log = false;
};

struct Totals {
  std::uint64_t stories = 0;
  std::size_t ops = 0;
  std::size_t calls = 0;
  std::size_t faults = 0;
  std::size_t daemons = 0;
  std::size_t hand_overs = 0;
  std::size_t promotions = 0;
  std::size_t forecasts = 0;
  std::size_t wrong_forecasts = 0;
  std::vector<double> time_ratios;
  Duration simulated{0};

  void add(const Played& played) {
    ++stories;
    ops += played.ops;
    calls += played.calls;
    faults += played.faults;
    daemons += played.daemons;
    hand_overs += played.hand_overs;
    promotions += played.promotions;
    forecasts += played.forecasts;
    wrong_forecasts += played.wrong_forecasts;
    time_ratios.insert(time_ratios.end(), played.time_ratios.begin(), played.time_ratios.end());
    simulated += played.simulated;
  }
  /// How well plans were forecast, faults in the middle of them included.
  std::string forecast_text() {
    if (time_ratios.empty()) {
      return "no plan was carried out whole";
    }
    std::sort(time_ratios.begin(), time_ratios.end());
    const auto at = [&](std::size_t percent) {
      return time_ratios[(time_ratios.size() - 1) * percent / 100];
    };
    return fmt::format(
        "{} plans carried out whole, {} counted otherwise than forecast; time taken by time "
        "forecast: median {:.2f}, 10th of 100 {:.2f}, 90th {:.2f}",
        forecasts, wrong_forecasts, at(50), at(10), at(90));
  }
  std::string str() const {
    return fmt::format(
        "{} stories, {} operations, {} faults, {} daemons, {} hand-overs, {} promotions by the "
        "monitor, {} calls into the world, {:.1f} simulated hours",
        stories, ops, faults, daemons, hand_overs, promotions, calls,
        std::chrono::duration<double, std::ratio<3600>>(simulated).count());
  }
};

/// Tells what broke, and the shortest story that breaks too. Always 1.
int tell(const Story& story, const Played& played, const std::string& what) {
  fmt::print("{}: {}\n", what, *played.violation);
  std::fflush(stdout);
  const Story shortest = shrink(story);
  const Played again = play(shortest);
  fmt::print("the shortest story found ({} of {} operations): {}\n\n{}\n", shortest.size(),
             story.size(), again.violation.value_or("holds"), render_story(shortest));
  fmt::print("the end of its log:\n{}", again.log_tail);
  return 1;
}

int run_file(const Options& options) {
  std::ifstream file(options.story);
  std::stringstream text;
  text << file.rdbuf();
  const Result<Story> story = parse_story(text.str());
  if (!file || story.has_error()) {
    fmt::print(stderr, "cannot play '{}': {}\n", options.story,
               file ? story.error().text() : "it cannot be read");
    return 2;
  }
  const Played played = play(*story);
  if (options.shows_log) {
    fmt::print("{}", played.log_tail);
  }
  fmt::print("{} (digest {})\n", played.violation.value_or("all laws hold"), played.digest);
  return played.violation ? 1 : 0;
}

int run_seeds(const Options& options) {
  Totals totals;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = options.first; seed < options.first + options.count; ++seed) {
    const Story story = make_story(seed, options.length);
    const Played played = play(story);
    totals.add(played);
    if (played.violation) {
      return tell(story, played, fmt::format("seed {}", seed));
    }
    if (totals.stories % 100 == 0) {
      fmt::print(stderr, "\r{} of {} seeds", totals.stories, options.count);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("\nall laws hold: {}; {:.0f} s\n{}\n", totals.str(), took.count(),
             totals.forecast_text());
  return 0;
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  voicectl::Options options;
  CLI::App app("Plays stories of a simulated data centre with the whole control plane.");
  app.add_option("--from", options.first, "first seed")->capture_default_str();
  app.add_option("--seeds", options.count, "how many")->capture_default_str();
  app.add_option("--length", options.length, "operations of a story")->capture_default_str();
  app.add_option("--story", options.story, "play this file instead");
  app.add_flag("--log", options.shows_log, "with --story: print the end of the daemon's log");
  CLI11_PARSE(app, argc, argv);
  return options.story.empty() ? voicectl::run_seeds(options) : voicectl::run_file(options);
}
