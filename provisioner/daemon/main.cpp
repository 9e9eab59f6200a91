// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <string>

#include "base/os/own_log.h"
#include "base/os/service_notify.h"
#include "base/os/system_clock.h"
#include "provisioner/daemon/real_host.h"

namespace voicectl {
namespace {

/// Where the daemon logs: to standard error, or to a file of its own.
class Logging {
 public:
  Status open(const std::string& path) {
    if (!path.empty()) {
      VC_TRY(file_, OwnLog::open(clock_, OwnLog::Options{.path = path}));
    }
    return ok_status();
  }
  LogSink& sink() { return file_ == nullptr ? *stderr_ : *file_; }
  /// Somebody may have moved the file.
  void reopen() {
    if (const Status reopened = file_ == nullptr ? ok_status() : file_->reopen();
        reopened.has_error()) {
      Log(sink(), clock_).error("daemon.log_not_reopened", {{"error", reopened.error()}});
    }
  }

 private:
  SystemWallClock clock_;
  std::unique_ptr<LogSink> stderr_ = make_stderr_sink();
  std::unique_ptr<OwnLog> file_;
};

const std::map<std::string, DescriptorKeeper> kKeepers = {
    {"auto", DescriptorKeeper::kAuto},
    {"systemd", DescriptorKeeper::kSystemd},
    {"holder", DescriptorKeeper::kHolder},
    {"none", DescriptorKeeper::kNone},
};

int serve(const HostOptions& options, Logging& logging) {
  AsioReactor reactor;
  // Taken before anything is built, so that an early SIGTERM is neither lost nor acted on half way.
  boost::asio::signal_set signals(reactor.context(), SIGTERM, SIGINT, SIGUSR1);
  signals.add(SIGHUP);
  Result<std::unique_ptr<RealHost>> host = RealHost::open(reactor, options, logging.sink());
  if (host.has_error()) {
    std::fprintf(stderr, "voicectld: %s\n", host.error().text().c_str());
    return 1;
  }
  const std::function<void()> wait_for_signal = [&] {
    signals.async_wait([&](const boost::system::error_code& error, int number) {
      if (error) {
        return;
      }
      if (number == SIGUSR1) {
        logging.reopen();
        (*host)->reopen_logs();
        wait_for_signal();
        return;
      }
      if (number == SIGHUP) {
        // systemd compares the time with its own, so as not to take an older READY=1 for the
        // answer.
        const auto now =
            std::chrono::duration_cast<std::chrono::microseconds>(reactor.now().time_since_epoch());
        notify_service_manager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
        logging.reopen();
        (*host)->reload([] { notify_service_manager("READY=1"); });
        wait_for_signal();
        return;
      }
      (*host)->detach();
    });
  };
  wait_for_signal();
  (*host)->start([] { notify_service_manager("READY=1"); });
  reactor.run();
  notify_service_manager("STOPPING=1");
  return (*host)->has_failed() ? 1 : 0;
}

int run(int argc, char** argv) {
  HostOptions options;
  std::string level = "info";
  std::string log_file;
  CLI::App app("voicectld: runs the instances of this host's tenants", "voicectld");
  app.set_version_flag("--version", VOICECTL_VERSION);
  app.add_option("--state", options.paths.state, "folder of what must survive")
      ->capture_default_str();
  app.add_option("--run", options.paths.run, "folder of sockets and process files")
      ->capture_default_str();
  app.add_option("--log", options.paths.log, "folder of logs")->capture_default_str();
  app.add_option("--runtime", options.runtime, "program of the instances")->required();
  app.add_option("--nginx", options.nginx, "nginx")->capture_default_str();
  app.add_option("--descriptor-store", options.keeper,
                 "what keeps listeners open while daemon and instances are dead")
      ->transform(CLI::CheckedTransformer(kKeepers).description(""))
      ->option_text("auto|systemd|holder|none");
  app.add_option("--keep-connections", options.keep_connections,
                 "keep WebSockets open when their instance dies")
      ->option_text("on|off");
  app.add_option("--holder", options.holder, "program of the holder; default beside --runtime");
  app.add_option("--control", options.control, "control socket; default <run>/control.sock");
  app.add_option("--instance-user", options.instance_user, "user of the instances (root only)");
  app.add_option("--dedicated-nice", options.dedicated_niceness,
                 "how far instances of one tenant step back for the pool when processor time is "
                 "short, 0 to 19")
      ->check(CLI::Range(0, 19).description(""))
      ->option_text("N");
  app.add_option("--edge-user", options.edge_user, "user of nginx's workers (root only)");
  app.add_flag("--plain-http", options.plain_http, "serve tenants on the http port too");
  app.add_option("--log-file", log_file, "its own log, rotated; default: standard error");
  app.add_option("--log-level", level, "debug, info, warn or error")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const Result<LogLevel> parsed = parse_log_level(level);
  if (parsed.has_error()) {
    std::fprintf(stderr, "voicectld: %s\n", parsed.error().text().c_str());
    return 2;
  }
  options.log_level = *parsed;
  for (std::string* const folder : {&options.paths.state, &options.paths.run, &options.paths.log}) {
    *folder = plain_folder(*folder);
  }
  // Copies are made of a file, not of a link to one. One that is missing is told when it is needed.
  std::error_code missing;
  if (const auto real = std::filesystem::canonical(options.runtime, missing); !missing) {
    options.runtime = real.string();
  }
  Logging logging;
  if (const Status opened = logging.open(log_file); opened.has_error()) {
    std::fprintf(stderr, "voicectld: %s\n", opened.error().text().c_str());
    return 1;
  }
  return serve(options, logging);
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  try {
    return voicectl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "voicectld: cannot go on: %s\n", error.what());
    return 1;
  }
}
