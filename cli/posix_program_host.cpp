// SPDX-License-Identifier: Apache-2.0
#include "cli/posix_program_host.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

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

WaitOutcome PosixProgramHost::wait_for_end(const ProcessIdentity& who, Duration limit) {
  // The watch outlives this call if the program does; it must not end a later wait then.
  const auto has_ended = std::make_shared<bool>(false);
  const std::weak_ptr<bool> still_waiting = has_ended;
  const Status adopted = spawner_.adopt(who, [this, still_waiting](const ProcessExit&) {
    if (const std::shared_ptr<bool> flag = still_waiting.lock()) {
      *flag = true;
      reactor_.stop();
    }
  });
  if (adopted.has_error()) {
    return WaitOutcome::kEnded;
  }
  const TimerId timer = reactor_.call_after(limit, [this] { reactor_.stop(); });
  reactor_.run();
  reactor_.cancel(timer);
  return *has_ended ? WaitOutcome::kEnded : WaitOutcome::kStillRunning;
}

Result<FileLock> PosixProgramHost::lock(const std::string& path) {
  return FileLock::take(path);
}

MonoTime PosixProgramHost::now() {
  return reactor_.now();
}

void PosixProgramHost::pause(Duration length) {
  reactor_.call_after(length, [this] { reactor_.stop(); });
  reactor_.run();
}

}  // namespace voicectl
