// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/command.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <utility>

namespace voicectl::e2e {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    ::abort();
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool can_bind(int port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Running::Running(const std::vector<std::string>& argv) {
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), 2);
  std::vector<char*> arguments;
  for (const std::string& word : argv) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  std::array<char*, 2> environment = {const_cast<char*>("PATH=/usr/bin:/bin:/usr/sbin:/sbin"),
                                      nullptr};
  if (::posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr, arguments.data(),
                    environment.data()) != 0) {
    pid_ = -1;
  }
  posix_spawn_file_actions_destroy(&actions);
  out_ = std::move(out.read);
  err_ = std::move(err.read);
}

Running::~Running() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)finish();
  }
}

namespace {

bool read_until(const UniqueFd& from, std::string& so_far, const std::string& text) {
  std::array<char, 4096> buffer{};
  while (so_far.find(text) == std::string::npos) {
    const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
    if (count <= 0) {
      return false;
    }
    so_far.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

bool Running::wait_for_err(const std::string& text) {
  return read_until(err_, err_so_far_, text);
}

bool Running::wait_for_out(const std::string& text) {
  return read_until(out_, out_so_far_, text);
}

Finished Running::finish() {
  Finished finished;
  finished.out = std::exchange(out_so_far_, std::string());
  finished.err = std::exchange(err_so_far_, std::string());
  if (pid_ <= 0) {
    finished.err = "cannot start the program";
    return finished;
  }
  std::array<pollfd, 2> watched = {pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0}};
  std::array<std::string*, 2> texts = {&finished.out, &finished.err};
  int open = 2;
  std::array<char, 65536> buffer{};
  while (open > 0 && ::poll(watched.data(), watched.size(), -1) > 0) {
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].revents == 0) {
        continue;
      }
      const ssize_t count = ::read(watched[i].fd, buffer.data(), buffer.size());
      if (count <= 0) {
        watched[i].fd = -1;
        --open;
      } else {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(count));
      }
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

Finished run(const std::vector<std::string>& argv) {
  return Running(argv).finish();
}

std::string metrics_at(int port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return "";
  }
  const std::string request = "GET /metrics HTTP/1.0\r\nHost: a\r\n\r\n";
  (void)::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(size));
  }
  return answer;
}

int free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

int free_port_range(int count) {
  constexpr int kFirst = 10000;
  constexpr int kLast = 32000;
  // Test programs that run side by side have different numbers and begin at different places.
  int begin = kFirst + ::getpid() * 211 % (kLast - kFirst - count);
  for (int tries = 0; tries < 100; ++tries) {
    int good = 0;
    while (good < count && can_bind(begin + good)) {
      ++good;
    }
    if (good == count) {
      return begin;
    }
    begin = kFirst + (begin - kFirst + good + 1) % (kLast - kFirst - count);
  }
  return begin;
}

bool is_alive(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t end = line.rfind(')');
  return end != std::string::npos && line.size() > end + 2 && line[end + 2] != 'Z';
}

bool wait_for_end(int pid) {
  constexpr int kPatience = 30'000;  // milliseconds
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!handle.is_open()) {
    return true;
  }
  pollfd watched{handle.get(), POLLIN, 0};
  return ::poll(&watched, 1, kPatience) == 1;
}

}  // namespace voicectl::e2e
