// SPDX-License-Identifier: Apache-2.0
#include "base/os/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

namespace voicectl {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  close();
}

void UniqueFd::close() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

UniqueFd UniqueFd::duplicate() const {
  return UniqueFd(fd_ < 0 ? -1 : ::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
}

}  // namespace voicectl
