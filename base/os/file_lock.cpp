// SPDX-License-Identifier: Apache-2.0
#include "base/os/file_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/os/posix_error.h"

namespace voicectl {
namespace {

/// What the holder wrote; only for the message, since the lock itself is the kernel's.
std::string holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  const std::string_view found(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::string_view digits = found.substr(0, found.find_first_not_of("0123456789"));
  return digits.empty() ? "another process" : fmt::format("the process with pid {}", digits);
}

/// Opens the lock's file, or makes it. One that root makes in another user's folder is that user's,
/// who could not use the lock any more otherwise.
UniqueFd open_or_make(const std::string& path) {
  UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made.is_open()) {
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  }
  struct stat folder {};
  if (::geteuid() == 0 && ::stat(path.substr(0, path.rfind('/') + 1).c_str(), &folder) == 0 &&
      folder.st_uid != 0) {
    // Where it cannot be given away it is ours, as if this had not been tried.
    (void)!::fchown(made.get(), folder.st_uid, folder.st_gid);
  }
  return made;
}

Status write_own_pid(int fd, const std::string& path) {
  const std::string text = std::to_string(::getpid()) + "\n";
  const bool is_written = ::ftruncate(fd, 0) == 0 && ::pwrite(fd, text.data(), text.size(), 0) ==
                                                         static_cast<ssize_t>(text.size());
  if (is_written) {
    return ok_status();
  }
  return posix_error(fmt::format("write '{}'", path), errno);
}

}  // namespace

Result<FileLock> FileLock::take(const std::string& path) {
  UniqueFd fd = open_or_make(path);
  if (!fd.is_open()) {
    const Error why = posix_error(fmt::format("open lock '{}'", path), errno);
    // Whatever else is wrong with its folder is for whoever owns it to change.
    const bool is_folders = why.code() == ErrorCode::kInternal || why.code() == ErrorCode::kCorrupt;
    return is_folders ? Error(ErrorCode::kPermissionDenied, why.text()) : why;
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot take lock '{}': {} has it; let it end or stop it first", path,
                             holder_of(fd.get())));
  }
  VC_TRY(write_own_pid(fd.get(), path));
  return FileLock(std::move(fd));
}

}  // namespace voicectl
