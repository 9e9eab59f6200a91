// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_log_files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/os/posix_error.h"

namespace voicectl {
namespace {

/// What an instance may write while no daemon reads. The kernel's bound for ordinary users.
constexpr int kFifoBytes = 1 << 20;

Error error_from(int number, std::string_view verb, const std::string& path) {
  const Error known = posix_error(fmt::format("{} '{}'", verb, path), number);
  return number == ENOENT ? Error(ErrorCode::kNotFound, known.text()) : known;
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      return error_from(errno, "write to log", path);
    }
    bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  return ok_status();
}

}  // namespace

Result<UniqueFd> PosixLogFiles::open_fifo(const std::string& path) {
  if (::mkfifo(path.c_str(), 0600) != 0 && errno != EEXIST) {
    return error_from(errno, "make log pipe", path);
  }
  UniqueFd fifo(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fifo.is_open()) {
    return error_from(errno, "open log pipe", path);
  }
  struct stat found {};
  if (::fstat(fifo.get(), &found) != 0 || !S_ISFIFO(found.st_mode)) {
    return Error(
        ErrorCode::kConflict,
        fmt::format("cannot open log pipe '{}': something else is there; remove it", path));
  }
  // A host that grants less is no reason to fail: lines are lost sooner while no daemon reads.
  (void)::fcntl(fifo.get(), F_SETPIPE_SZ, kFifoBytes);
  return fifo;
}

Result<std::string> PosixLogFiles::read(const UniqueFd& fifo, std::size_t max_bytes) {
  std::string out;
  std::array<char, 64UL * 1024> piece;
  while (out.size() < max_bytes) {
    const std::size_t wanted = std::min(piece.size(), max_bytes - out.size());
    const ssize_t count = ::read(fifo.get(), piece.data(), wanted);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0 && errno != EAGAIN) {
      return Error(ErrorCode::kInternal,
                   fmt::format("cannot read a log pipe: {}", std::strerror(errno)));
    }
    if (count <= 0) {
      break;
    }
    out.append(piece.data(), static_cast<std::size_t>(count));
  }
  return out;
}

Status PosixLogFiles::append(const std::string& path, std::string_view lines) {
  // Opened anew each time: a file that a person removed or moved comes back by itself.
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!file.is_open()) {
    return error_from(errno, "open log", path);
  }
  return write_all(file.get(), lines, path);
}

std::optional<LogFileState> PosixLogFiles::find(const std::string& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_SIZE | STATX_MTIME | STATX_BTIME,
              &found) != 0) {
    return std::nullopt;
  }
  // A file system without times of birth: rotation by age then waits for a quiet day.
  const statx_timestamp& born =
      (found.stx_mask & STATX_BTIME) != 0 ? found.stx_btime : found.stx_mtime;
  return LogFileState{Bytes{found.stx_size}, WallTime(std::chrono::seconds(born.tv_sec))};
}

Status PosixLogFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
    return error_from(errno, "put aside log", from);
  }
  return ok_status();
}

Status PosixLogFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return error_from(errno, "remove log", path);
  }
  return ok_status();
}

}  // namespace voicectl
