// SPDX-License-Identifier: Apache-2.0
#include "base/os/own_log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl {

OwnLog::OwnLog(const WallClock& clock, Options options)
    : options_(std::move(options)), log_(files_, clock, options_.path, options_.rotation) {}

Result<std::unique_ptr<OwnLog>> OwnLog::open(const WallClock& clock, Options options) {
  std::unique_ptr<OwnLog> made(new OwnLog(clock, std::move(options)));
  VC_TRY(made->redirect());
  return made;
}

void OwnLog::write(LogLevel, std::string_view line) {
  const std::lock_guard<std::mutex> guard(mutex_);
  log_.take(fmt::format("{}\n", line));
  if (std::exchange(files_.has_renamed, false)) {
    // Refused, what others write goes on into the file that was put aside: nothing is lost.
    (void)redirect();
  }
}

Status OwnLog::reopen() {
  const std::lock_guard<std::mutex> guard(mutex_);
  return redirect();
}

Status OwnLog::redirect() {
  const UniqueFd file(
      ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!file.is_open()) {
    return posix_error(fmt::format("open log '{}'", options_.path), errno);
  }
  for (const int descriptor : options_.descriptors) {
    if (::dup2(file.get(), descriptor) < 0) {
      return posix_error(fmt::format("lead output into log '{}'", options_.path), errno);
    }
  }
  return ok_status();
}

}  // namespace voicectl
