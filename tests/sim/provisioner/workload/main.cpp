// SPDX-License-Identifier: Apache-2.0
// Plays stories of the simulated data centre: many seeds, or one from a file.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/sim/provisioner/workload/many_seeds.h"
#include "tests/sim/provisioner/workload/totals.h"
#include "tests/sim/provisioner/workload/workload.h"

namespace voicectl {
namespace {

struct Options {
  Seeds seeds;
  std::string story;
  bool shows_log = false;
  bool goes_on = false;
  bool shrinks = true;
  /// Where the shortest stories are written; empty: nowhere.
  std::string stories;
  bool lists_forecasts = false;
  bool prints = false;
};

/// As the tests play it, once it lies in stories/.
void save(const Options& options, const Failure& failure, const Story& story) {
  if (options.stories.empty()) {
    return;
  }
  const std::string path =
      fmt::format("{}/{}-{}.story", options.stories, failure.played.law, failure.seed);
  std::ofstream file(path);
  file << fmt::format("# seed {}: {}\n{}", failure.seed, *failure.played.violation,
                      render_story(story));
  fmt::print("{} {}\n", file.flush() ? "written to" : "cannot write", path);
}

/// Tells what broke, and the shortest story that breaks too.
void tell(const Options& options, const Failure& failure) {
  const Played& played = failure.played;
  fmt::print("seed {}: law '{}' broken after {} operations and {} calls: {}\n", failure.seed,
             played.law, played.ops, played.calls, *played.violation);
  std::fflush(stdout);
  const Story story = story_of(options.seeds, failure.seed);
  if (!options.shrinks) {
    return save(options, failure, story);
  }
  const Story shortest = shrink(story, played.law);
  const Played again = play(shortest);
  save(options, failure, shortest);
  fmt::print("the shortest story found ({} of {} operations): {}\n\n{}\n", shortest.size(),
             story.size(), again.violation.value_or("holds"), render_story(shortest));
  fmt::print("the end of its log:\n{}", again.log_tail);
}

int print_stories(const Options& options) {
  for (std::uint64_t seed = options.seeds.first; seed < options.seeds.first + options.seeds.count;
       ++seed) {
    fmt::print("# seed {}\n{}", seed, render_story(story_of(options.seeds, seed)));
  }
  return 0;
}

void list_forecasts(std::string_view story, const Played& played) {
  for (const WrongForecast& wrong : played.wrong_forecasts) {
    fmt::print("{}: {}\n", story, wrong.what);
  }
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
  if (options.lists_forecasts) {
    list_forecasts(options.story, played);
  }
  fmt::print("{} (digest {})\n", played.violation.value_or("all laws hold"), played.digest);
  return played.violation ? 1 : 0;
}

int run_seeds(const Options& options) {
  const auto began = std::chrono::steady_clock::now();
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  Totals totals;
  const std::vector<Failure> failures =
      play_seeds(options.seeds, options.goes_on ? GoOn::kYes : GoOn::kNo, [&](const Played& one) {
        if (options.lists_forecasts) {
          list_forecasts(fmt::format("seed {}", options.seeds.first + totals.stories()), one);
        }
        totals.add(one);
        if (is_terminal && totals.stories() % 100 == 0) {
          fmt::print(stderr, "\r{} of {} seeds", totals.stories(), options.seeds.count);
        }
      });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  for (const Failure& failure : failures) {
    tell(options, failure);
  }
  fmt::print("{}{}wall time: {:.0f} s, {} at once\n", is_terminal ? "\n" : "",
             totals.str(failures.size()), took.count(), options.seeds.jobs);
  return failures.empty() ? 0 : 1;
}

/// A check of the code that fails ends the process: at least it is told which seed it was.
void tell_seed(int) {
  const std::string text =
      "seed " + std::to_string(seed_at_play()) + ": a check of the code ended the process\n";
  (void)!::write(STDOUT_FILENO, text.data(), text.size());
  std::signal(SIGABRT, SIG_DFL);
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  voicectl::Options options;
  options.seeds.jobs = std::max(1U, std::thread::hardware_concurrency());
  CLI::App app("Plays stories of a simulated data centre with the whole control plane.");
  app.footer(
      "Exit codes: 0 all laws hold, 1 one was broken, 2 the story cannot be read. The same seed\n"
      "gives the same story whatever --jobs is.");
  app.add_option("--from", options.seeds.first, "first seed")->capture_default_str();
  app.add_option("--seeds", options.seeds.count, "how many")->capture_default_str();
  app.add_option("--length", options.seeds.length, "operations of a story")->capture_default_str();
  app.add_option("--shift", options.seeds.shift,
                 "planned deaths and failures come that many calls later: the same stories with "
                 "other fault points")
      ->capture_default_str();
  app.add_option("--jobs", options.seeds.jobs, "seeds played at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--go-on", options.goes_on, "play all seeds, also when one has broken a law");
  app.add_flag("!--no-shrink", options.shrinks, "do not look for the shortest story");
  app.add_option("--save", options.stories, "folder that gets the stories that broke a law")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--forecasts", options.lists_forecasts,
               "list the plans that did something else than was forecast");
  app.add_flag("--print", options.prints, "print the stories instead of playing them");
  app.add_option("--story", options.story, "play this file instead");
  app.add_flag("--log", options.shows_log, "with --story: print the end of the daemon's log");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGABRT, voicectl::tell_seed);
  (void)std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // what was told stays, whatever comes then
  if (options.prints) {
    return voicectl::print_stories(options);
  }
  return options.story.empty() ? voicectl::run_seeds(options) : voicectl::run_file(options);
}
