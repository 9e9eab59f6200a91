// SPDX-License-Identifier: Apache-2.0
// Preloaded into a program (LD_PRELOAD), kills it with SIGKILL at the n-th of the points at which
// it has said or heard something, or made something durable: just before and just after each
// message that it sends on a message socket, after each that it receives there, and before and
// after each flush of a file. They are counted while the file VOICECTL_TEST_ARMED names is there.
// If VOICECTL_TEST_DISK names a folder where an ext4 is mounted, that loses its power first.
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

#include "tests/support/power/ext4_shutdown.h"

namespace {

std::atomic<long> passed{0};

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

void pass_point() {
  static const char* const armed = ::getenv("VOICECTL_TEST_ARMED");
  static const char* const wanted = ::getenv("VOICECTL_TEST_DIE_AT");
  static const char* const disk = ::getenv("VOICECTL_TEST_DISK");
  if (armed == nullptr || wanted == nullptr || ::access(armed, F_OK) != 0) {
    return;
  }
  if (++passed == ::atol(wanted)) {
    if (disk != nullptr) {
      (void)voicectl::cut_power_of(disk);  // the test looks whether it is gone
    }
    ::kill(::getpid(), SIGKILL);
    // Nothing of this thread follows, whenever the signal comes.
    while (true) {
      ::pause();
    }
  }
}

bool is_message_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

template <typename Flush>
int flush(const char* name, int fd) {
  static const auto call = real<Flush>(name);
  pass_point();
  const int outcome = call(fd);
  pass_point();
  return outcome;
}

}  // namespace

extern "C" {

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto call = real<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  const bool counts = is_message_socket(fd);
  if (counts) {
    pass_point();
  }
  const ssize_t sent = call(fd, message, flags);
  if (counts) {
    pass_point();
  }
  return sent;
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  static const auto call = real<ssize_t (*)(int, msghdr*, int)>("recvmsg");
  const ssize_t received = call(fd, message, flags);
  if (received > 0 && is_message_socket(fd)) {
    pass_point();
  }
  return received;
}

int fdatasync(int fd) {
  return flush<int (*)(int)>("fdatasync", fd);
}

int fsync(int fd) {
  return flush<int (*)(int)>("fsync", fd);
}

}  // extern "C"
