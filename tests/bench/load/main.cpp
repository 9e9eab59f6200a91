// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/bench/load/scenarios.h"

namespace voicectl::bench {
namespace {

struct Options {
  Subject subject;
  LoadPlan plan;
  std::uint16_t fakes_port = 0;
  std::size_t sessions = 1000;
  std::size_t websockets = 10'000;
  double seconds = 5;
  double warm_up = 1;
  std::string key_file;
  std::string flavour = "plain";
};

Duration length_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

/// Two descriptors are needed for each WebSocket, one of them here.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // then fewer WebSockets can be held
  }
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--port", options.subject.port, "Port of the measured server")->required();
  app.add_option("--pid", options.subject.pid, "Its process")->required();
  app.add_option("--tenant", options.subject.tenant, "Its tenant")->required();
  app.add_option("--key-file", options.key_file, "File with a widget key")->required();
  app.add_option("--fakes-port", options.fakes_port, "Where Ultravox and ERPNext are played")
      ->required();
  app.add_option("--flavour", options.flavour, "plain or socketio");
  app.add_flag("--request-ids", options.subject.numbers_requests,
               "Number requests, as an edge does");
  app.add_option("--connections", options.plan.connections, "Connections that send requests");
  app.add_option("--rate", options.plan.rate, "Requests per second; 0 for as many as come back");
  app.add_option("--calls", options.plan.most, "End after that many requests; 0 for no such end");
  app.add_option("--sessions", options.sessions, "Sessions to work with");
  app.add_option("--websockets", options.websockets, "WebSockets to hold");
  app.add_option("--seconds", options.seconds, "Length of the measurement");
  app.add_option("--warm-up", options.warm_up, "Seconds before it");
}

Json measure(const std::string& scenario, Options& options) {
  EventLoop loop;
  FakeServices fakes(loop, options.fakes_port);
  Scenarios scenarios(loop, fakes, options.subject);
  options.plan.length = length_of(options.seconds);
  options.plan.warm_up = length_of(options.warm_up);
  if (scenario == "tools") {
    return scenarios.tools(options.plan, options.sessions);
  }
  if (scenario == "sessions") {
    return scenarios.sessions(options.plan);
  }
  if (scenario == "idle") {
    return scenarios.idle(options.websockets);
  }
  return scenarios.events(options.sessions, options.plan.warm_up, options.plan.length);
}

int run_program(int argc, char** argv) {
  CLI::App app("Loads a session and webhook service and prints figures as JSON.", "voicectl-bench");
  Options options;
  add_options(app, options);
  app.fallthrough();
  app.add_subcommand("tools", "Tool calls");
  app.add_subcommand("sessions", "Creations of sessions");
  app.add_subcommand("idle", "Memory of idle WebSockets");
  app.add_subcommand("events", "Time from a tool call to its event");
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  std::ifstream(options.key_file) >> options.subject.api_key;
  options.subject.flavour = options.flavour == "socketio" ? Flavour::kSocketIo : Flavour::kPlain;
  const Json figures = measure(app.get_subcommands().front()->get_name(), options);
  fmt::print("{}\n", figures.dump());
  return 0;
}

}  // namespace
}  // namespace voicectl::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  voicectl::bench::raise_descriptor_limit();
  try {
    return voicectl::bench::run_program(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "voicectl-bench: cannot go on: {}\n", problem.what());
    return 1;
  }
}
