// SPDX-License-Identifier: Apache-2.0
#include "cli/posix_program_host.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/os/unique_fd.h"

namespace voicectl {

Result<ProcessIdentity> PosixProgramHost::start(const LaunchSpec& spec,
                                                const std::string& log_path) {
  const UniqueFd log(
      ::open(log_path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.is_open()) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot write the log '{}': {}", log_path, std::strerror(errno)));
  }
  LaunchSpec with_log = spec;
  with_log.descriptors.push_back({log.get(), STDOUT_FILENO});
  with_log.descriptors.push_back({log.get(), STDERR_FILENO});
  return spawner_.spawn(with_log, nullptr);
}

bool PosixProgramHost::is_running(const ProcessIdentity& who) {
  // An ended child of ours is collected in a turn of the loop.
  return wait_for_end(who, Duration::zero()) == WaitOutcome::kStillRunning;
}

Status PosixProgramHost::signal(const ProcessIdentity& who, int number) {
  return spawner_.signal_group(who, number);
}

Result<std::shared_ptr<bool>> PosixProgramHost::watch(const ProcessIdentity& who) {
  const auto known = std::find_if(watched_.begin(), watched_.end(),
                                  [&](const auto& watched) { return watched.first == who; });
  if (known != watched_.end()) {
    return known->second;
  }
  auto has_ended = std::make_shared<bool>(false);
  VC_TRY(spawner_.adopt(who, [this, has_ended](const ProcessExit&) {
    *has_ended = true;
    reactor_.stop();
  }));
  watched_.emplace_back(who, has_ended);
  return has_ended;
}

WaitOutcome PosixProgramHost::wait_for_end(const ProcessIdentity& who, Duration limit) {
  const Result<std::shared_ptr<bool>> has_ended = watch(who);
  if (has_ended.has_error() && has_ended.error().code() == ErrorCode::kNotFound) {
    return WaitOutcome::kEnded;
  }
  // One that cannot be watched just now, for want of descriptors, runs all the same.
  const auto is_over = [&] { return has_ended.has_value() && **has_ended; };
  const MonoTime end = reactor_.now() + limit;
  do {
    // The end of another program that was once waited for ends a turn, too.
    const TimerId timer = reactor_.call_after(end - reactor_.now(), [this] { reactor_.stop(); });
    if (!is_over()) {
      reactor_.run();
    }
    reactor_.cancel(timer);
  } while (!is_over() && reactor_.now() < end);
  return is_over() ? WaitOutcome::kEnded : WaitOutcome::kStillRunning;
}

Result<FileLock> PosixProgramHost::lock(const std::string& path) {
  return FileLock::take(path);
}

int PosixProgramHost::own_pid() {
  return ::getpid();
}

bool PosixProgramHost::is_in_use(int pid) {
  return spawner_.identify(pid).has_value();
}

MonoTime PosixProgramHost::now() {
  return reactor_.now();
}

void PosixProgramHost::pause(Duration length) {
  reactor_.call_after(length, [this] { reactor_.stop(); });
  reactor_.run();
}

}  // namespace voicectl
