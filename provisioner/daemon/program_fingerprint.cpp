// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/program_fingerprint.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/os/unique_fd.h"

namespace voicectl {

std::string ProgramFingerprint::of(const std::string& path) {
  constexpr std::size_t kDigits = 16;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) {
    return "missing";
  }
  const std::string stamp = fmt::format("{} {} {} {}", status.st_ino, status.st_size,
                                        status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  if (stamp == stamp_) {
    return fingerprint_;
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t count =
        ::pread(file.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (count <= 0) {
      return "missing";
    }
    have += static_cast<std::size_t>(count);
  }
  stamp_ = stamp;
  fingerprint_ = sha256_hex(bytes).substr(0, kDigits);
  return fingerprint_;
}

}  // namespace voicectl
