// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/log_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostAtOnce = 1U << 20;

}  // namespace

std::vector<std::string> LogTail::next() {
  const UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) {
    return {};
  }
  if (status.st_ino != inode_ || static_cast<std::uint64_t>(status.st_size) < offset_) {
    inode_ = status.st_ino;
    offset_ = 0;
    partial_.clear();
  }
  std::string bytes(kMostAtOnce, '\0');
  const ssize_t count =
      ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
  if (count <= 0) {
    return {};
  }
  offset_ += static_cast<std::uint64_t>(count);
  partial_.append(bytes, 0, static_cast<std::size_t>(count));
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = partial_.find('\n'); end != std::string::npos;
       end = partial_.find('\n', begin)) {
    lines.push_back(partial_.substr(begin, end - begin));
    begin = end + 1;
  }
  partial_.erase(0, begin);
  return lines;
}

}  // namespace voicectl
