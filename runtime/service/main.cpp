// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "base/crypto.h"
#include "base/log.h"
#include "base/os/asio_reactor.h"
#include "base/os/descriptor_room.h"
#include "base/os/posix_file_system.h"
#include "base/os/system_clock.h"
#include "base/random.h"
#include "runtime/control/protocol.h"
#include "runtime/handoff/peer_channel.h"
#include "runtime/net/http_client.h"
#include "runtime/service/service.h"

namespace voicectl::runtime {
namespace {

constexpr int kUsageError = 2;

struct Options {
  InstanceId instance;
  LogLevel level;
  Metering metering;
};

/// A descriptor that the daemon passed on under a fixed number.
Result<UniqueFd> take_inherited(int number, std::string_view what) {
  if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(number, F_SETFL, O_NONBLOCK) != 0) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot find the {} at descriptor {}: voice-runtime is started by "
                             "voicectld",
                             what, number));
  }
  // Its copies have been with earlier processes of the instance.
  return UniqueFd::foreign(number);
}

Status run(const Options& options) {
  VC_TRY(UniqueFd control, take_inherited(control::kControlDescriptor, "control listener"));
  VC_TRY(UniqueFd admin, take_inherited(control::kAdminDescriptor, "admin listener"));
  raise_descriptor_limit();  // each tenant needs two listeners, a database and its connections
  const SystemWallClock clock;
  const std::unique_ptr<LogSink> sink = make_stderr_sink();
  const Log log(*sink, clock, options.level);
  SystemRandom random;
  PosixFileSystem files;
  AsioReactor reactor;
  HttpClient http(reactor);
  Service service({reactor, clock, random, files, http, options.instance}, log, std::move(control),
                  std::move(admin), options.metering);
  boost::asio::signal_set signals(reactor.context(), SIGTERM, SIGINT);
  signals.async_wait([&service](const boost::system::error_code& problem, int) {
    if (!problem) {
      service.stop([] {});
    }
  });
  log.info("instance.started", {{"instance", options.instance}, {"version", VOICECTL_VERSION}});
  reactor.run();
  log.info("instance.stopped", {{"instance", options.instance}});
  return ok_status();
}

/// Two programs that say the same of `hand_over` hand tenants over to each other.
std::string describe_program() {
  constexpr std::size_t kDigits = 16;
  return fmt::format(R"({{"version":"{}","hand_over":"{}-{}"}})", VOICECTL_VERSION,
                     handoff::kPeerVersion, sha256_hex(handoff::peer_layout()).substr(0, kDigits));
}

int run_program(int argc, char** argv) {
  CLI::App app("Serves the tenants that voicectld lends to it.", "voice-runtime");
  std::string instance;
  std::string level = "info";
  app.add_option("--instance", instance, "Name of this instance")->required();
  app.add_option("--log-level", level, "debug, info, warn or error");
  bool has_no_metering = false;
  app.add_flag("--no-metering", has_no_metering,
               "Do not count what each tenant costs; the daemon estimates it from requests");
  app.set_version_flag("--version", VOICECTL_VERSION);
  app.add_flag_callback(
      "--describe", [] { throw CLI::CallForVersion(describe_program(), 0); },
      "Say version and layout of hand-overs as JSON, and exit");
  CLI11_PARSE(app, argc, argv);
  const Result<InstanceId> id = InstanceId::parse(instance);
  const Result<LogLevel> threshold = parse_log_level(level);
  if (id.has_error() || threshold.has_error()) {
    const Error error = id.has_error() ? id.error() : threshold.error();
    fmt::print(stderr, "voice-runtime: {}\n", error.text());
    return kUsageError;
  }
  const Status outcome = run({*id, *threshold, has_no_metering ? Metering::kOff : Metering::kOn});
  if (outcome.has_error()) {
    fmt::print(stderr, "voice-runtime: {}\n", outcome.error().text());
    return kUsageError;
  }
  return 0;
}

}  // namespace
}  // namespace voicectl::runtime

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return voicectl::runtime::run_program(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "voice-runtime: cannot go on: {}\n", problem.what());
    return 1;
  }
}
