// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/load/http_load.h"

namespace voicectl::bench {
namespace {

struct Options {
  LoadPlan plan;
  std::vector<std::string> hosts;
  std::vector<std::string> key_files;
  std::string path = "/health";
  double seconds = 5;
  double warm_up = 1;
};

Duration length_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

/// One request for each tenant, sent in turn.
std::vector<std::string> make_requests(const Options& options) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < options.hosts.size(); ++i) {
    std::string key;
    if (i < options.key_files.size()) {
      std::ifstream(options.key_files[i]) >> key;
    }
    out.push_back(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\n\r\n", options.path,
                              options.hosts[i], key));
  }
  return out;
}

nlohmann::json figures_of(const LoadOutcome& outcome) {
  const auto us = [&](double share) { return outcome.latency.quantile_us(share); };
  return {{"answers", outcome.answers},
          {"errors", outcome.errors},
          {"first_error", outcome.first_error},
          {"p50_us", us(0.5)},
          {"p95_us", us(0.95)},
          {"p99_us", us(0.99)},
          {"most_us", outcome.latency.longest_us()}};
}

int run_program(int argc, char** argv) {
  CLI::App app("Asks tenants in turn at a steady rate and prints how long their answers took.",
               "voicectl-neighbours-load");
  Options options;
  app.add_option("--port", options.plan.port, "Port of the edge")->required();
  app.add_option("--host", options.hosts, "Host name of a tenant; several, asked in turn")
      ->required();
  app.add_option("--key-file", options.key_files, "File with its API key, in the same order");
  app.add_option("--path", options.path, "What is asked for");
  app.add_option("--rate", options.plan.rate, "Requests per second, over all tenants")->required();
  app.add_option("--connections", options.plan.connections, "Connections that send requests");
  app.add_option("--seconds", options.seconds, "Length of the measurement");
  app.add_option("--warm-up", options.warm_up, "Seconds before it");
  CLI11_PARSE(app, argc, argv);
  options.plan.length = length_of(options.seconds);
  options.plan.warm_up = length_of(options.warm_up);
  const std::vector<std::string> requests = make_requests(options);
  EventLoop loop;
  HttpLoad load(
      loop, options.plan,
      {[&](std::uint64_t number) -> std::string_view { return requests[number % requests.size()]; },
       {},
       {}});
  fmt::print("{}\n", figures_of(load.run()).dump());
  return 0;
}

}  // namespace
}  // namespace voicectl::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return voicectl::bench::run_program(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "voicectl-neighbours-load: cannot go on: {}\n", problem.what());
    return 1;
  }
}
