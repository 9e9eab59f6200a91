// SPDX-License-Identifier: Apache-2.0
#include "base/os/own_directory.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/os/posix_error.h"

namespace voicectl {
namespace {

Status check_trusted(const std::string& path, const struct stat& about) {
  const auto refuse = [&](const std::string& why) {
    return Status(
        Error(ErrorCode::kPermissionDenied,
              fmt::format("cannot use folder '{}': {}; remove it, or name another", path, why)));
  };
  if (!S_ISDIR(about.st_mode)) {
    return refuse(S_ISLNK(about.st_mode) ? "it is a symbolic link" : "it is not a folder");
  }
  if (about.st_uid != ::geteuid() && about.st_uid != 0) {
    return refuse(fmt::format("it belongs to user {}", about.st_uid));
  }
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(fmt::format("others may write in it (mode {:04o})", about.st_mode & 07777U));
  }
  return ok_status();
}

}  // namespace

Status claim_directory(FileSystem& files, const std::string& path, FileMode mode) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) {
    if (errno != ENOENT) {
      return posix_error(fmt::format("look at folder '{}'", path), errno);
    }
    VC_TRY(files.make_directory(path, mode));
    // Somebody may have been quicker.
    if (::lstat(path.c_str(), &about) != 0) {
      return posix_error(fmt::format("look at folder '{}'", path), errno);
    }
  }
  return check_trusted(path, about);
}

}  // namespace voicectl
