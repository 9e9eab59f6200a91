// SPDX-License-Identifier: Apache-2.0
#include "base/os/process_launch.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/check.h"
#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// What the child was about to do when it failed.
enum class Step : int {
  kPlaceDescriptors,
  kLimitResources,
  kChangeUser,
  kEnterFolder,
  kExecute,
};

/// What the child tells through the pipe when it cannot become the program.
struct Report {
  Step step;
  int number;  ///< errno
};

struct Placement {
  int from = -1;
  int to = -1;
};

struct Limit {
  __rlimit_resource resource;
  rlimit value;
};

/// Everything the child needs, made before the fork: between fork and exec memory must not be
/// allocated, because another thread may have held the allocator's lock at that moment.
struct Preparation {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> envp;
  std::vector<Placement> placements;
  std::vector<Limit> limits;
  std::optional<UserIds> user;
  const char* folder = nullptr;
  int niceness = 0;
  std::string niceness_text;
  int first_free_number = 3;  ///< above every number that the child gets
  int report = -1;
  int gate = -1;  ///< reading end of what it waits at; none: it need not wait
};

Preparation prepare(const LaunchSpec& spec, const UniqueFd& null, const UniqueFd& report) {
  Preparation ready;
  for (const std::string& word : spec.argv) {
    ready.argv.push_back(const_cast<char*>(word.c_str()));  // execve() only reads
  }
  ready.argv.push_back(nullptr);
  for (const auto& [name, value] : spec.environment) {
    ready.environment_text.push_back(name + "=" + value);
  }
  for (std::string& text : ready.environment_text) {
    ready.envp.push_back(text.data());
  }
  ready.envp.push_back(nullptr);
  ready.placements = {{null.get(), 0}, {null.get(), 1}, {null.get(), 2}};
  for (const FdGrant& grant : spec.descriptors) {
    VC_CHECK(grant.child_number >= 0, "a granted descriptor has a number");
    std::erase_if(ready.placements, [&](const Placement& p) { return p.to == grant.child_number; });
    ready.placements.push_back({grant.fd, grant.child_number});
    ready.first_free_number = std::max(ready.first_free_number, grant.child_number + 1);
  }
  if (spec.max_descriptors) {
    ready.limits.push_back({RLIMIT_NOFILE, {*spec.max_descriptors, *spec.max_descriptors}});
  }
  if (spec.max_address_space) {
    const rlim_t most = spec.max_address_space->count;
    ready.limits.push_back({RLIMIT_AS, {most, most}});
  }
  ready.user = spec.user;
  ready.folder = spec.working_directory.c_str();
  ready.niceness = spec.niceness;
  ready.niceness_text = std::to_string(spec.niceness);
  ready.report = report.get();
  return ready;
}

// From here to become() runs in the child: only async-signal-safe calls (signal-safety(7)).

[[noreturn]] void give_up(const Preparation& ready, Step step) {
  const Report report{step, errno};
  const ssize_t told = ::write(ready.report, &report, sizeof report);
  ::_exit(told == sizeof report ? 126 : 125);
}

/// Moves descriptors to their numbers. All are copied above the highest number first: a source may
/// stand where another one has to go.
void place_descriptors(Preparation& ready) {
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    give_up(ready, Step::kPlaceDescriptors);
  }
  const int report = ::fcntl(ready.report, F_DUPFD_CLOEXEC, ready.first_free_number);
  if (report < 0) {
    give_up(ready, Step::kPlaceDescriptors);
  }
  ready.report = report;
  for (Placement& placement : ready.placements) {
    placement.from = ::fcntl(placement.from, F_DUPFD_CLOEXEC, ready.first_free_number);
    if (placement.from < 0) {
      give_up(ready, Step::kPlaceDescriptors);
    }
  }
  for (const Placement& placement : ready.placements) {
    if (::dup2(placement.from, placement.to) < 0) {
      give_up(ready, Step::kPlaceDescriptors);
    }
  }
}

void reset_signals() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) {
    (void)::sigaction(number, &usual, nullptr);  // two of them cannot be changed, nor need it
  }
  sigset_t none{};
  (void)::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Where the host allows less than is asked, its own bound is the limit.
void limit_resources(const Preparation& ready) {
  for (const Limit& limit : ready.limits) {
    if (::setrlimit(limit.resource, &limit.value) == 0) {
      continue;
    }
    rlimit present{};
    if (errno != EPERM || ::getrlimit(limit.resource, &present) != 0) {
      give_up(ready, Step::kLimitResources);
    }
    present.rlim_cur = std::min(limit.value.rlim_cur, present.rlim_max);
    present.rlim_max = present.rlim_cur;
    if (::setrlimit(limit.resource, &present) != 0) {
      give_up(ready, Step::kLimitResources);
    }
  }
}

/// Where the kernel divides time among sessions first (autogroups), the number has to be said of
/// the session too: among others' processes it counts for nothing there.
void step_back(const Preparation& ready) {
  if (ready.niceness == 0) {
    return;
  }
  const int present = ::getpriority(PRIO_PROCESS, 0);
  if (ready.niceness > present && ::setpriority(PRIO_PROCESS, 0, ready.niceness) != 0) {
    give_up(ready, Step::kLimitResources);
  }
  const int group = ::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
  if (group >= 0) {
    // Without CAP_SYS_ADMIN the kernel takes one in 100 ms (EAGAIN): then it is as much as the
    // others.
    (void)!::write(group, ready.niceness_text.data(), ready.niceness_text.size());
    ::close(group);
  }
}

void change_user(const Preparation& ready) {
  if (!ready.user) {
    return;
  }
  // Raw calls: the library's versions talk to threads that the child does not have.
  if (::syscall(SYS_setgroups, 0UL, nullptr) != 0 || ::syscall(SYS_setgid, ready.user->gid) != 0 ||
      ::syscall(SYS_setuid, ready.user->uid) != 0) {
    give_up(ready, Step::kChangeUser);
  }
}

/// Waits for the parent's word. Its end, too, ends the wait: then nobody knows of us.
void wait_at_gate(const Preparation& ready) {
  if (ready.gate < 0) {
    return;
  }
  char word = 0;
  ssize_t count = -1;
  do {
    count = ::read(ready.gate, &word, 1);
  } while (count < 0 && errno == EINTR);
  if (count != 1) {
    ::_exit(124);
  }
}

[[noreturn]] void become(Preparation& ready) {
  reset_signals();
  wait_at_gate(ready);
  (void)::setsid();  // cannot fail: a fresh child leads no group
  place_descriptors(ready);
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);  // cannot fail with these arguments
  step_back(ready);
  limit_resources(ready);  // may raise limits, so before the right to do so is gone
  change_user(ready);
  if (::chdir(ready.folder) != 0) {
    give_up(ready, Step::kEnterFolder);
  }
  ::execve(ready.argv.front(), ready.argv.data(), ready.envp.data());
  give_up(ready, Step::kExecute);
}

Error explain(const LaunchSpec& spec, const Report& report) {
  const std::string& program = spec.argv.front();
  switch (report.step) {
    case Step::kPlaceDescriptors:
      return posix_error(fmt::format("give '{}' its descriptors", program), report.number);
    case Step::kLimitResources:
      return posix_error(fmt::format("limit the resources of '{}'", program), report.number);
    case Step::kChangeUser:
      return posix_error(
          fmt::format("start '{}' as user {}", program, spec.user ? spec.user->uid : 0),
          report.number);
    case Step::kEnterFolder:
      return posix_error(fmt::format("start '{}' in '{}'", program, spec.working_directory),
                         report.number);
    case Step::kExecute:
      break;
  }
  if (report.number == ENOENT || report.number == ENOTDIR) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot start '{}': no such program", program));
  }
  return posix_error(fmt::format("start '{}'", program), report.number);
}

/// What the child reports; nothing once it has become the program, which closes the pipe.
std::optional<Report> read_report(const UniqueFd& pipe) {
  Report report{};
  ssize_t count = -1;
  do {
    count = ::read(pipe.get(), &report, sizeof report);
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof report)) {
    return report;
  }
  return std::nullopt;
}

void reap(int child) {
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// Forks with all signals held back, so that no handler of ours runs in the child.
int fork_quietly(Preparation& ready, const UniqueFd& gate_opener) {
  sigset_t all{};
  sigset_t before{};
  (void)::sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int child = ::fork();
  if (child == 0) {
    if (gate_opener.is_open()) {
      // A copy of our own would keep us waiting for ever if the parent ended.
      ::close(gate_opener.get());
    }
    become(ready);
  }
  const int problem = errno;
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = problem;
  return child;
}

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Result<Pipe> make_pipe(const std::string& attempt) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return posix_error(attempt, errno);
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Lets the child that waits go on, if `before_run` agrees; else it ends.
Status open_gate(Pipe& gate, int child, const BeforeRun& before_run) {
  gate.reading.close();
  Status agreed = before_run(child);
  if (agreed.has_value() && ::write(gate.writing.get(), "+", 1) != 1) {
    agreed = posix_error("let a child begin", errno);
  }
  gate.writing.close();
  if (agreed.has_error()) {
    reap(child);
  }
  return agreed;
}

}  // namespace

Result<int> launch_process(const LaunchSpec& spec, const BeforeRun& before_run) {
  VC_CHECK(!spec.argv.empty(), "a launch names its program");
  const std::string attempt = fmt::format("start '{}'", spec.argv.front());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.is_open()) {
    return posix_error(attempt, errno);
  }
  VC_TRY(Pipe report_pipe, make_pipe(attempt));
  Pipe gate;
  if (before_run) {
    VC_TRY(gate, make_pipe(attempt));
  }
  Preparation ready = prepare(spec, null, report_pipe.writing);
  ready.gate = gate.reading.get();
  const int child = fork_quietly(ready, gate.writing);
  if (child < 0) {
    return posix_error(attempt, errno);
  }
  report_pipe.writing.close();
  if (before_run) {
    VC_TRY(open_gate(gate, child, before_run));
  }
  if (const std::optional<Report> report = read_report(report_pipe.reading)) {
    reap(child);
    return explain(spec, *report);
  }
  return child;
}

}  // namespace voicectl
