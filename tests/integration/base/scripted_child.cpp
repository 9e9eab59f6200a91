// SPDX-License-Identifier: Apache-2.0
//
// A program that lives as its arguments say:
//   exit <code>     ends at once
//   wait            waits for a signal
//   report          writes what it finds around itself to descriptor 3, and ends
//   family          starts a child of its own, both wait; tells the child's number on descriptor 3
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>
#include <string>

extern char** environ;

namespace {

constexpr int kReportTo = 3;

std::string descriptors() {
  std::set<int> numbers;
  for (int number = 0; number < 4096; ++number) {
    if (::fcntl(number, F_GETFD) != -1) {
      numbers.insert(number);
    }
  }
  std::ostringstream out;
  for (const int number : numbers) {
    out << number << ' ';
  }
  return out.str();
}

std::string unusual_signals() {
  std::ostringstream out;
  sigset_t blocked{};
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL) {
      out << "handled:" << number << ' ';
    }
    if (::sigismember(&blocked, number) == 1) {
      out << "blocked:" << number << ' ';
    }
  }
  return out.str();
}

std::string standard_streams() {
  std::ostringstream out;
  for (const char* number : {"0", "1", "2"}) {
    std::error_code problem;
    out << std::filesystem::read_symlink(std::string("/proc/self/fd/") + number, problem).string()
        << ' ';
  }
  return out.str();
}

std::string report() {
  std::ostringstream out;
  rlimit files{};
  rlimit space{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_AS, &space);
  out << "descriptors=" << descriptors() << '\n'
      << "signals=" << unusual_signals() << '\n'
      << "streams=" << standard_streams() << '\n'
      << "leads_session=" << (::getsid(0) == ::getpid()) << '\n'
      << "leads_group=" << (::getpgrp() == ::getpid()) << '\n'
      << "no_new_privs=" << ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) << '\n'
      << "folder=" << std::filesystem::current_path().string() << '\n'
      << "user=" << ::getuid() << ':' << ::geteuid() << ':' << ::getgid() << ':' << ::getegid()
      << ':' << ::getgroups(0, nullptr) << '\n'
      << "files=" << files.rlim_cur << ':' << files.rlim_max << '\n'
      << "space=" << space.rlim_cur << '\n'
      << "niceness=" << ::getpriority(PRIO_PROCESS, 0) << '\n';
  for (char** variable = environ; *variable != nullptr; ++variable) {
    out << "environment=" << *variable << '\n';
  }
  return out.str();
}

void tell(const std::string& text) {
  std::size_t told = 0;
  while (told < text.size()) {
    const ssize_t count = ::write(kReportTo, text.data() + told, text.size() - told);
    if (count <= 0) {
      ::_exit(99);
    }
    told += static_cast<std::size_t>(count);
  }
}

void wait_for_ever() {
  while (true) {
    ::pause();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "exit") {
    return std::stoi(argv[2]);
  }
  if (mode == "report") {
    tell(report());
    return 0;
  }
  if (mode == "family") {
    const int child = ::fork();
    if (child > 0) {
      tell(std::to_string(child) + "\n");
    }
  }
  wait_for_ever();
}
