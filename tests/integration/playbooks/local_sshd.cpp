// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/playbooks/local_sshd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>

extern char** environ;

namespace voicectl {
namespace {

constexpr const char* kSshd = "/usr/sbin/sshd";

/// Standard input and output are `connection` if it is one, else nothing.
pid_t spawn(std::vector<std::string> argv, int connection) {
  std::vector<char*> words;
  for (std::string& word : argv) {
    words.push_back(word.data());
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO}) {
    if (connection >= 0) {
      ::posix_spawn_file_actions_adddup2(&actions, connection, stream);
    } else {
      ::posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
    }
  }
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_RDWR, 0);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ) != 0) {
    pid = -1;
  }
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

std::string user_name() {
  const passwd* const entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "" : entry->pw_name;
}

/// sshd as root wants its empty folder.
bool has_privilege_folder() {
  return ::geteuid() != 0 || ::access("/run/sshd", F_OK) == 0 || ::mkdir("/run/sshd", 0755) == 0;
}

}  // namespace

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

bool run_program(std::vector<std::string> argv) {
  const pid_t pid = spawn(std::move(argv), -1);
  int status = -1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

LocalSshd::LocalSshd(Answer answer) : answer_(answer) {
  if (::access(kSshd, X_OK) != 0 || !has_privilege_folder() || user_name().empty()) {
    problem_ = "OpenSSH's server is not installed, or its folder /run/sshd cannot be made";
    return;
  }
  make_key("host", "ed25519");
  make_key("user", "ed25519");
  write_text(path("authorized_keys"), read_text(path("user.pub")));
  write_text(path("sshd_config"),
             // A home of its own: the shell that runs commands would read the user's start files.
             fmt::format("HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n"
                         "PasswordAuthentication no\nPermitRootLogin yes\nPidFile none\n"
                         "Subsystem sftp internal-sftp\nSetEnv HOME={}\n",
                         path("host"), path("authorized_keys"), folder_.path()));
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  std::array<int, 2> stop{-1, -1};
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      ::pipe2(stop.data(), O_CLOEXEC) != 0) {
    problem_ = "there is no loopback";
    return;
  }
  port_ = ntohs(address.sin_port);
  stop_reader_ = UniqueFd(stop[0]);
  stop_writer_ = UniqueFd(stop[1]);
  write_known_hosts("known_hosts", read_text(path("host.pub")));
  thread_ = std::thread([this] { serve(); });
}

LocalSshd::~LocalSshd() {
  stop_writer_.close();
  if (thread_.joinable()) {
    thread_.join();
  }
  for (const pid_t child : children_) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

void LocalSshd::serve() {
  while (true) {
    std::array<pollfd, 2> entries{pollfd{listener_.get(), POLLIN, 0},
                                  pollfd{stop_reader_.get(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0 || entries[1].revents != 0) {
      return;
    }
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (answer_ == Answer::kSilence) {
      silent_.push_back(std::move(connection));
    } else {
      start_sshd(connection.get());
    }
  }
}

void LocalSshd::start_sshd(int connection) {
  const pid_t pid =
      spawn({kSshd, "-i", "-f", path("sshd_config"), "-E", path("sshd.log")}, connection);
  if (pid > 0) {
    children_.push_back(pid);
  }
}

SshHost LocalSshd::host() const {
  return SshHost{"127.0.0.1", *Port::make(port_), user_name()};
}

SshOptions LocalSshd::options() const {
  return SshOptions{.known_hosts_file = path("known_hosts"), .key_file = path("user")};
}

void LocalSshd::make_key(const std::string& name, const std::string& kind) const {
  std::vector<std::string> argv = {"ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path(name)};
  if (kind == "rsa") {
    // As small as it may be: only its kind matters.
    argv.insert(argv.end(), {"-b", "1024"});
  }
  run_program(std::move(argv));
}

std::string LocalSshd::write_known_hosts(const std::string& name,
                                         const std::string& public_key) const {
  write_text(path(name), fmt::format("[127.0.0.1]:{} {}", port_, public_key));
  return path(name);
}

}  // namespace voicectl
