// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/bench/load/handover_load.h"

namespace voicectl::bench {
namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // then fewer WebSockets can be held
  }
}

int run_program(int argc, char** argv) {
  CLI::App app(
      "Calls a tenant through the edge, counts what is lost while it moves, and prints JSON.",
      "voicectl-handover-load");
  HandoverPlan plan;
  std::string key_file;
  double seconds = 10;
  app.add_option("--port", plan.port, "Port of the edge")->required();
  app.add_option("--host", plan.host, "Host name of the tenant")->required();
  app.add_option("--key-file", key_file, "File with an admin key")->required();
  app.add_option("--connections", plan.connections, "WebSockets");
  app.add_option("--seconds", seconds, "How long, from when all are open");
  app.add_option("--pings", plan.pings, "Pings per second, over all WebSockets");
  app.add_option("--sessions", plan.sessions, "Sessions created per second; each makes events");
  CLI11_PARSE(app, argc, argv);
  plan.length = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  std::ifstream(key_file) >> plan.admin_key;
  EventLoop loop;
  HandoverLoad load(loop, plan);
  fmt::print("{}\n", load.run().dump());
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
    fmt::print(stderr, "voicectl-handover-load: cannot go on: {}\n", problem.what());
    return 1;
  }
}
