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
  /// Empty for GET.
  std::string body;
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
    const std::string length =
        options.body.empty() ? "" : fmt::format("Content-Length: {}\r\n", options.body.size());
    out.push_back(fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\n{}\r\n{}",
                              options.body.empty() ? "GET" : "POST", options.path, options.hosts[i],
                              key, length, options.body));
  }
  return out;
}

nlohmann::json figures_of(const LoadOutcome& outcome) {
  const auto us = [&](double share) { return outcome.latency.quantile_us(share); };
  const auto answered = static_cast<double>(outcome.answers + outcome.refused);
  const double cpu_us = std::chrono::duration<double, std::micro>(outcome.server_cpu).count();
  return {{"answers", outcome.answers},
          {"refused", outcome.refused},
          {"seconds", std::chrono::duration<double>(outcome.measured).count()},
          {"cpu_us_each", answered > 0 ? cpu_us / answered : 0},
          {"errors", outcome.errors},
          {"first_error", outcome.first_error},
          {"p50_us", us(0.5)},
          {"p95_us", us(0.95)},
          {"p99_us", us(0.99)},
          {"most_us", outcome.latency.longest_us()}};
}

int run_program(int argc, char** argv) {
  CLI::App app("Asks tenants in turn, at a steady rate, and prints how long their answers took.",
               "voicectl-neighbours-load");
  Options options;
  app.add_option("--port", options.plan.port, "Port of the edge")->required();
  app.add_option("--host", options.hosts, "Host name of a tenant; several, asked in turn")
      ->required();
  app.add_option("--key-file", options.key_files, "File with its API key, in the same order");
  app.add_option("--path", options.path, "What is asked for");
  app.add_option("--body", options.body, "What is posted; without it the request is a GET");
  app.add_option("--expect", options.plan.expected_status,
                 "Status of an answer; 429 is counted apart, any other one is an error");
  app.add_option("--rate", options.plan.rate,
                 "Requests per second, over all tenants; without it, as fast as answers come");
  app.add_option("--burst", options.plan.burst, "So many requests at a time, at the same rate")
      ->check(CLI::PositiveNumber);
  app.add_option("--requests", options.plan.most, "Ends earlier after so many, warm-up included");
  app.add_option("--pid", options.plan.pid, "A process whose processor time is told for a request");
  app.add_option("--connections", options.plan.connections, "Connections that send requests");
  app.add_option("--seconds", options.seconds, "Length of the measurement");
  app.add_option("--warm-up", options.warm_up, "Seconds before it");
  CLI11_PARSE(app, argc, argv);
  options.plan.may_be_refused = true;
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
