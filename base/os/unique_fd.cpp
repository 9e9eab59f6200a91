// SPDX-License-Identifier: Apache-2.0
#include "base/os/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/os/foreign_close.h"

namespace voicectl {

UniqueFd UniqueFd::foreign(int fd) {
  UniqueFd made(fd);
  made.is_foreign_ = fd >= 0;
  return made;
}

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    close();
    is_foreign_ = other.is_foreign_;
    fd_ = other.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  close();
}

int UniqueFd::release() {
  is_foreign_ = false;
  return std::exchange(fd_, -1);
}

void UniqueFd::close() {
  if (fd_ < 0) {
    return;
  }
  if (is_foreign_) {
    close_elsewhere(std::move(*this));
  } else {
    ::close(std::exchange(fd_, -1));
  }
}

UniqueFd UniqueFd::duplicate() const {
  const int copy = fd_ < 0 ? -1 : ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  return is_foreign_ ? foreign(copy) : UniqueFd(copy);
}

}  // namespace voicectl
