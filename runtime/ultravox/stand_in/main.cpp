// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/os/asio_reactor.h"
#include "base/os/own_log.h"
#include "base/os/posix_file_system.h"
#include "base/os/system_clock.h"
#include "base/random.h"
#include "runtime/net/development_server.h"
#include "runtime/net/http_client.h"
#include "runtime/ultravox/stand_in/stand_in.h"
#include "runtime/ultravox/ultravox_client.h"

namespace voicectl::ultravox {
namespace {

constexpr std::size_t kMaxScript = 1U << 20;

struct CommandLine {
  std::string listen = "127.0.0.1:0";
  std::optional<int> listen_fd;
  std::string api_key_file;
  std::string scripts;
  std::string pace = "natural";
  std::optional<unsigned> auto_join_ms;
  std::string connect_to;
  std::string log_file;
  unsigned retry_first_ms = 30'000;
};

void describe(CLI::App& app, CommandLine& line) {
  app.description(
      "Speaks the parts of Ultravox's API that voicectl uses, for development without an account.\n"
      "Prints {\"listening\":\"127.0.0.1:41234\"} once it answers.");
  app.add_option("--listen", line.listen, "address on this machine; port 0 takes a free one");
  app.add_option("--listen-fd", line.listen_fd, "inherited listening socket instead of --listen");
  app.add_option("--api-key-file", line.api_key_file, "refuse requests without this key");
  app.add_option("--scripts", line.scripts, "folder of *.yaml to play instead of those built in");
  app.add_option("--pace", line.pace, "fast (20 ms a line) or natural (as people speak)")
      ->check(CLI::IsMember({"fast", "natural"}));
  app.add_option("--auto-join", line.auto_join_ms,
                 "milliseconds after which a call is played although nobody joined");
  app.add_option(
      "--connect-to", line.connect_to,
      "send webhooks and tool calls to this address:port, whatever host they name (an address "
      "in numbers is gone to)");
  app.add_option("--log-file", line.log_file,
                 "output and log go to this file, which rotates; default: standard streams");
  app.add_option("--retry-first", line.retry_first_ms,
                 "milliseconds before a webhook is tried again; doubles each time");
}

/// Files are named from the root; people name them from where they stand.
std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

Result<ScriptBook> read_scripts(FileSystem& files, const std::string& folder) {
  if (folder.empty()) {
    return ScriptBook::built_in();
  }
  ScriptBook book;
  VC_TRY(const std::vector<std::string> names, files.list(absolute(folder)));
  for (const std::string& name : names) {
    if (!name.ends_with(".yaml")) {
      continue;
    }
    const std::string path = absolute(folder + "/" + name);
    VC_TRY(const std::optional<std::string> yaml, files.read(path, kMaxScript));
    VC_TRY(Script script, parse_script(yaml.value_or(""), path));
    book.add(std::move(script));
  }
  return book;
}

Result<StandIn::Options> make_options(FileSystem& files,
                                      const CommandLine& line,
                                      const std::string& address) {
  StandIn::Options options;
  options.api_base = "http://" + address;
  options.calls.join_base = "ws://" + address;
  options.calls.pace = line.pace == "fast" ? Pace::kFast : Pace::kNatural;
  options.calls.retry_first = std::chrono::milliseconds(line.retry_first_ms);
  if (line.auto_join_ms) {
    options.calls.auto_join = std::chrono::milliseconds(*line.auto_join_ms);
  }
  if (!line.api_key_file.empty()) {
    VC_TRY(options.api_key, api_key_from_file(files, absolute(line.api_key_file))());
  }
  return options;
}

Status serve(const CommandLine& line) {
  PosixFileSystem files;
  SystemWallClock clock;
  SystemRandom random;
  std::unique_ptr<LogSink> sink = make_stderr_sink();
  if (!line.log_file.empty()) {
    VC_TRY(sink, OwnLog::open(clock, OwnLog::Options{.path = absolute(line.log_file)}));
  }
  const Log log(*sink, clock);
  VC_TRY(LoopbackListener listener,
         line.listen_fd ? inherit_listener(*line.listen_fd) : listen_at(line.listen));
  VC_TRY(StandIn::Options options, make_options(files, line, listener.address));
  VC_TRY(ScriptBook scripts, read_scripts(files, line.scripts));

  AsioReactor reactor;
  HttpClient http(reactor);
  http.set_connect_to(line.connect_to);
  StandIn stand_in({reactor, http, clock, random, log}, std::move(scripts), std::move(options));
  HttpServer::Handlers handlers;
  handlers.on_request = [&](const HttpRequest& request, std::shared_ptr<Responder> responder) {
    stand_in.answer(request, std::move(responder));
  };
  serve_until_stopped(reactor, std::move(listener), std::move(handlers));
  return ok_status();
}

}  // namespace
}  // namespace voicectl::ultravox

int main(int argc, char** argv) {
  CLI::App app;
  voicectl::ultravox::CommandLine line;
  voicectl::ultravox::describe(app, line);
  CLI11_PARSE(app, argc, argv);
  try {
    const voicectl::Status status = voicectl::ultravox::serve(line);
    if (status.has_error()) {
      std::fprintf(stderr, "voicectl-ultravox-standin: %s\n", status.error().text().c_str());
      return 1;
    }
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "voicectl-ultravox-standin: cannot go on: %s\n", problem.what());
    return 1;
  }
}
