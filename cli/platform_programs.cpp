// SPDX-License-Identifier: Apache-2.0
#include "cli/platform_programs.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

namespace voicectl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDaemon = "daemon";
constexpr std::string_view kStandIn = "standin";
constexpr Duration kStandInGrace = std::chrono::seconds(5);
/// What other users than root run the instances as.
constexpr const char* kInstanceUser = "nobody";
constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether every user may pass through all folders of `path`.
bool is_reachable_by_others(const std::string& path) {
  for (fs::path at = path; !at.empty(); at = at.parent_path()) {
    std::error_code problem;
    const fs::perms allowed = fs::status(at, problem).permissions();
    if (problem || (allowed & fs::perms::others_exec) == fs::perms::none) {
      return false;
    }
    if (at == at.root_path()) {
      return true;
    }
  }
  return false;
}

/// The last lines of a text, in one line: a message has no others.
std::string tail_of(std::string_view text) {
  constexpr std::size_t kLines = 5;
  std::string out;
  for (std::size_t lines = 0; lines < kLines && !text.empty();) {
    const std::size_t begin = text.rfind('\n') + 1;  // 0 without one
    const std::string_view line = text.substr(begin);
    if (!line.empty()) {
      out.insert(0, std::string(line) + (out.empty() ? "" : " | "));
      ++lines;
    }
    text = text.substr(0, begin == 0 ? 0 : begin - 1);
  }
  return out;
}

}  // namespace

std::optional<std::string> loopback_address(const std::string& endpoint) {
  const std::size_t scheme = endpoint.find("://");
  if (scheme == std::string::npos) {
    return std::nullopt;
  }
  const std::string rest = endpoint.substr(scheme + 3);
  const std::string authority = rest.substr(0, rest.find('/'));
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  const std::string host = has_port ? authority.substr(0, colon) : authority;
  if (host != "localhost" && host != "[::1]" && !host.starts_with("127.")) {
    return std::nullopt;
  }
  return has_port ? authority : host + ":80";
}

bool PlatformPrograms::is_running(std::string_view program) {
  const Result<std::optional<ProcessIdentity>> who = workspace_.find_program(program);
  return who.has_value() && who->has_value() && context_.programs.is_running(**who);
}

Result<Started> PlatformPrograms::start(std::string_view name,
                                        LaunchSpec spec,
                                        const std::string& log) {
  // Before the program runs: one that is noted nowhere would be found by nobody again.
  spec.before_run = [&](const ProcessIdentity& who) { return workspace_.write_program(name, who); };
  VC_TRY(const ProcessIdentity who, context_.programs.start(spec, log));
  (void)who;  // it is noted already
  return Started::kNow;
}

Result<Started> PlatformPrograms::start_stand_in(const std::string& address,
                                                 const PlatformSpec& platform) {
  if (is_running(kStandIn)) {
    return Started::kBefore;
  }
  LaunchSpec spec;
  spec.argv = {context_.surroundings.program_directory + "/voicectl-ultravox-standin",
               "--listen",
               address,
               "--log-file",
               workspace_.path("log/standin.log"),
               "--pace",
               "fast"};
  if (!platform.ultravox.api_key_file.empty()) {
    spec.argv.insert(spec.argv.end(), {"--api-key-file", platform.ultravox.api_key_file});
  }
  if (platform.edge.mode != EdgeMode::kNone) {
    // Tenants' host names need not be known to this machine's resolver.
    spec.argv.insert(spec.argv.end(),
                     {"--connect-to", fmt::format("127.0.0.1:{}", platform.edge.http_port)});
  }
  spec.environment = {{"PATH", kSearchPath}};
  const std::string log = workspace_.path("log/standin.log");
  const std::size_t log_before = read_log(log).size();
  VC_TRY(const Started started, start(kStandIn, std::move(spec), log));
  VC_TRY(const std::optional<ProcessIdentity> who, workspace_.find_program(kStandIn));
  VC_TRY(await_stand_in(*who, log_before));
  return started;
}

Status PlatformPrograms::await_stand_in(const ProcessIdentity& stand_in, std::size_t log_before) {
  const std::string log = workspace_.path("log/standin.log");
  const MonoTime deadline = context_.programs.now() + kStartLimit;
  // Its first line says where it listens.
  while (read_log_behind(log, log_before).find("\"listening\"") == std::string::npos) {
    if (!context_.programs.is_running(stand_in)) {
      return ended_at_once("voicectl-ultravox-standin", log, log_before);
    }
    if (context_.programs.now() >= deadline) {
      return Error(ErrorCode::kTimeout,
                   fmt::format("cannot wait any longer for voicectl-ultravox-standin: it does not "
                               "listen after {}; see '{}'",
                               format_duration(kStartLimit), log));
    }
    context_.programs.pause(kAskInterval);
  }
  return ok_status();
}

Result<std::string> PlatformPrograms::find_or_choose_run_folder() {
  VC_TRY(const std::optional<std::string> known, workspace_.find_run_folder());
  if (known) {
    return *known;
  }
  std::string chosen = run_folder_of(workspace_.folder(), context_.surroundings.user_id,
                                     context_.surroundings.variable("XDG_RUNTIME_DIR"));
  VC_TRY(workspace_.write_run_folder(chosen));
  return chosen;
}

Result<Started> PlatformPrograms::start_daemon() {
  VC_TRY(const std::string run, find_or_choose_run_folder());
  Started started = Started::kBefore;
  const std::size_t log_before = read_log(workspace_.path("log/voicectld.log")).size();
  if (!is_running(kDaemon)) {
    const std::string& programs = context_.surroundings.program_directory;
    LaunchSpec spec;
    spec.argv = {programs + "/voicectld",
                 "--state",
                 workspace_.path("state"),
                 "--run",
                 run,
                 "--log",
                 workspace_.path("log"),
                 "--runtime",
                 programs + "/voice-runtime",
                 "--log-file",
                 workspace_.path("log/voicectld.log"),
                 "--plain-http"};
    const bool can_step_down = context_.surroundings.user_id == 0 &&
                               is_reachable_by_others(workspace_.folder()) &&
                               is_reachable_by_others(programs);
    if (can_step_down) {
      spec.argv.insert(spec.argv.end(), {"--instance-user", kInstanceUser});
    }
    spec.environment = {{"PATH", kSearchPath}};
    VC_TRY(started, start(kDaemon, std::move(spec), workspace_.path("log/voicectld.log")));
  }
  VC_TRY(const std::optional<ProcessIdentity> who, workspace_.find_program(kDaemon));
  VC_TRY(await_answer(*who, log_before));
  return started;
}

Status PlatformPrograms::await_answer(const ProcessIdentity& daemon, std::size_t log_before) {
  VC_TRY(const std::optional<std::string> run, workspace_.find_run_folder());
  const std::unique_ptr<DaemonClient> client = context_.connect(*run + "/control.sock");
  const MonoTime begun = context_.programs.now();
  bool is_told = false;
  while (true) {
    const Result<Json> answer = client->get("/v1/version");
    if (answer.has_value()) {
      return ok_status();
    }
    if (answer.error().code() != ErrorCode::kUnavailable) {
      return answer.error();
    }
    if (!context_.programs.is_running(daemon)) {
      return ended_at_once("voicectld", workspace_.path("log/voicectld.log"), log_before);
    }
    const Duration waited = context_.programs.now() - begun;
    if (waited >= kDaemonStartLimit) {
      return Error(
          ErrorCode::kTimeout,
          fmt::format("cannot wait any longer for voicectld: it has not answered for {}; "
                      "see '{}'",
                      format_duration(kDaemonStartLimit), workspace_.path("log/voicectld.log")));
    }
    if (waited >= kStartPatience && !is_told) {
      is_told = true;
      context_.console.err << fmt::format(
          "voicectld reads its record and takes over what still runs; waiting for at most {} "
          "(log: '{}')\n",
          format_duration(kDaemonStartLimit), workspace_.path("log/voicectld.log"));
    }
    context_.programs.pause(kAskInterval);
  }
}

std::string PlatformPrograms::read_log(const std::string& log) const {
  constexpr std::size_t kLongestLog = 64U << 20;
  const Result<std::optional<std::string>> text = context_.files.read(log, kLongestLog);
  return text.has_value() ? text->value_or("") : "";
}

std::string PlatformPrograms::read_log_behind(const std::string& log, std::size_t before) const {
  const std::string text = read_log(log);
  // A shorter one is another one: the old one was put aside.
  return text.size() < before ? text : text.substr(before);
}

Error PlatformPrograms::ended_at_once(std::string_view program,
                                      const std::string& log,
                                      std::size_t before) const {
  const std::string last = tail_of(read_log_behind(log, before));
  return Error(ErrorCode::kInternal,
               fmt::format("cannot start {}: it ended at once; its log '{}' ends with: {}", program,
                           log, last));
}

Status PlatformPrograms::await_daemon_end(Duration limit) {
  VC_TRY(const std::optional<ProcessIdentity> who, workspace_.find_program(kDaemon));
  if (who && context_.programs.wait_for_end(*who, limit) == WaitOutcome::kStillRunning) {
    return Error(ErrorCode::kTimeout,
                 fmt::format("cannot wait any longer for voicectld (pid {}) to end; see '{}'",
                             who->pid, workspace_.path("log/voicectld.log")));
  }
  return workspace_.forget_program(kDaemon);
}

Status PlatformPrograms::stop_stand_in() {
  VC_TRY(const std::optional<ProcessIdentity> who, workspace_.find_program(kStandIn));
  if (who && context_.programs.is_running(*who)) {
    VC_TRY(context_.programs.signal(*who, SIGTERM));
    if (context_.programs.wait_for_end(*who, kStandInGrace) == WaitOutcome::kStillRunning) {
      VC_TRY(context_.programs.signal(*who, SIGKILL));
    }
  }
  return workspace_.forget_program(kStandIn);
}

}  // namespace voicectl
