// SPDX-License-Identifier: Apache-2.0
// A development tool: plays the customer of a tenant from the outside, through the edge.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/os/system_clock.h"
#include "runtime/ultravox/caller/call_run.h"
#include "runtime/ultravox/caller/load_run.h"

namespace voicectl {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int make_call(const CallOptions& options, bool as_json) {
  AsioReactor reactor;
  HttpClient http(reactor);
  SystemRandom random;
  SystemWallClock wall;
  WebSocketClient sockets(reactor, random);
  int exit_code = 1;
  CallRun call(reactor, http, sockets, wall, options, [as_json](const std::string& line) {
    std::fprintf(as_json ? stderr : stdout, "%s\n", line.c_str());
  });
  reactor.post([&] {
    call.start([&](const Result<CallReport>& report) {
      if (report.has_error()) {
        std::fprintf(stderr, "voicectl-caller: %s\n", report.error().text().c_str());
      } else {
        exit_code = report->numbers_are_whole ? 0 : 1;
        if (as_json) {
          const Json shown = {
              {"session_id", report->session_id},
              {"join_url", report->join_url},
              {"creation_us",
               std::chrono::duration_cast<std::chrono::microseconds>(report->creation).count()},
              {"events", report->events},
              {"numbers_are_whole", report->numbers_are_whole},
              {"tool_to_event_ms",
               report->tool_to_event ? Json(report->tool_to_event->count()) : Json()}};
          std::printf("%s\n", dump_json(shown).c_str());
        }
      }
      reactor.stop();
    });
  });
  reactor.run();
  return exit_code;
}

int make_load(const LoadOptions& options) {
  AsioReactor reactor;
  HttpClient http(reactor);
  LoadRun load(reactor, http, options);
  LoadReport report;
  reactor.post([&] {
    load.start([&](const LoadReport& finished) {
      report = finished;
      reactor.stop();
    });
  });
  reactor.run();
  std::printf("%s\n", render_load_report(report).c_str());
  return report.failed == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  CLI::App app("voicectl-caller: a development tool that plays a tenant's customers",
               "voicectl-caller");
  app.require_subcommand(1);
  CallOptions call;
  LoadOptions load;
  std::string key_file;
  bool as_json = false;
  double seconds = 5;
  CLI::App* const one = app.add_subcommand("call", "create a session, follow it, hold the call");
  one->add_option("--edge", call.edge_host, "address of the edge")->capture_default_str();
  one->add_option("--port", call.edge_port, "its plain http port")->capture_default_str();
  one->add_option("--host", call.host, "the tenant's host name")->required();
  one->add_option("--key-file", key_file, "file that holds an API key")->required();
  one->add_option("--customer", call.customer_name, "name to give")->capture_default_str();
  one->add_option("--phone", call.customer_phone, "number to give")->capture_default_str();
  one->add_flag("--json", as_json, "report on standard output as JSON, events on standard error");
  CLI::App* const many = app.add_subcommand("load", "ask for the same again and again");
  many->add_option("--edge", load.edge_host, "address of the edge")->capture_default_str();
  many->add_option("--port", load.edge_port, "its plain http port")->capture_default_str();
  many->add_option("--host", load.hosts, "host names, asked in turn")->required();
  many->add_option("--method", load.method, "request method")->capture_default_str();
  many->add_option("--path", load.path, "what to ask for")->capture_default_str();
  many->add_option("--body", load.body, "body to send");
  many->add_option("--expect", load.expect_status, "status that counts as success")
      ->capture_default_str();
  many->add_option("--key-file", key_file, "file that holds an API key");
  many->add_option("--parallel", load.parallel, "requests under way at once")
      ->capture_default_str();
  many->add_option("--seconds", seconds, "for how long, at most 600")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  call.api_key = Secret(key_file.empty() ? "" : first_line(key_file));
  load.api_key = call.api_key;
  load.length = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  return one->parsed() ? make_call(call, as_json) : make_load(load);
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  try {
    return voicectl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "voicectl-caller: cannot go on: %s\n", error.what());
    return 1;
  }
}
