// SPDX-License-Identifier: Apache-2.0
#include "tests/support/power/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

extern char** environ;

namespace voicectl {

Child::Child(std::vector<std::string> argv) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return;
  }
  output_ = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  std::vector<char*> words;
  for (std::string& word : argv) {
    words.push_back(word.data());
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  if (::posix_spawnp(&pid_, words[0], &actions, nullptr, words.data(), environ) != 0) {
    pid_ = -1;
  }
  ::posix_spawn_file_actions_destroy(&actions);
}

Child::~Child() {
  kill_now();
}

std::optional<std::string> Child::read_line() {
  while (true) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> bytes{};
    const ssize_t length = ::read(output_.get(), bytes.data(), bytes.size());
    if (length <= 0) {
      return std::nullopt;
    }
    buffer_.append(bytes.data(), static_cast<std::size_t>(length));
  }
}

void Child::fall_silent() const {
  if (pid_ > 0) {
    ::kill(pid_, SIGSTOP);
  }
}

void Child::kill_now() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)wait();  // the status is the signal that was just sent
  }
}

int Child::wait() {
  if (pid_ <= 0) {
    return 127;
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool succeeds(std::vector<std::string> argv) {
  Child child(std::move(argv));
  while (child.read_line()) {
  }
  return child.wait() == 0;
}

}  // namespace voicectl
