// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_process_spawner.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/os/posix_error.h"
#include "base/os/process_launch.h"
#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// Sends to the whole group that the process leads (linux/pidfd.h, since 6.9).
constexpr unsigned kToGroup = 1U << 2;

UniqueFd open_pidfd(int pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
}

/// 0, or errno.
int signal_through(const UniqueFd& pidfd, int number, unsigned flags) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, flags) == 0 ? 0 : errno;
}

/// A small file of /proc; empty if it cannot be read.
std::string read_proc(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> bytes{};
  const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
  return count <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(count));
}

std::string read_boot_id() {
  std::string id = read_proc("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') {
    id.pop_back();
  }
  return id;
}

struct ProcStat {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

/// Fields 3 and 22 of /proc/<pid>/stat. The name in field 2 may hold anything, also blanks and
/// parentheses, so fields are counted from the last ')'.
std::optional<ProcStat> read_stat(int pid) {
  const std::string text = read_proc(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(text).substr(name_end + 2);
  ProcStat stat{rest.front(), 0};
  constexpr int kFieldsBetween = 22 - 3;
  for (int i = 0; i < kFieldsBetween; ++i) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) {
      return std::nullopt;
    }
    rest.remove_prefix(blank + 1);
  }
  const auto [end, problem] =
      std::from_chars(rest.data(), rest.data() + rest.size(), stat.start_ticks);
  return problem == std::errc() ? std::optional(stat) : std::nullopt;
}

/// A child's end, which is not collected yet; unknown if it is not our child.
ProcessExit look_at_end(const UniqueFd& pidfd) {
  siginfo_t report{};
  const auto id = static_cast<id_t>(pidfd.get());
  if (::waitid(P_PIDFD, id, &report, WEXITED | WNOHANG | WNOWAIT) != 0 || report.si_pid == 0) {
    return {};
  }
  if (report.si_code == CLD_EXITED) {
    return {true, report.si_status, std::nullopt};
  }
  return {true, std::nullopt, report.si_status};
}

void collect(const UniqueFd& pidfd) {
  siginfo_t report{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &report, WEXITED | WNOHANG);
}

}  // namespace

std::string ProcessExit::str() const {
  if (code) {
    return fmt::format("exited with {}", *code);
  }
  if (signal) {
    return fmt::format("killed by signal {}", *signal);
  }
  return "ended (status unknown: adopted)";
}

struct PosixProcessSpawner::Inner {
  struct Held {
    ProcessIdentity who;
    UniqueFd pidfd;
    WatchId watch{};
    OnExit on_exit;
    bool has_ended = false;
  };

  Reactor& reactor;
  FdWatcher& watcher;
  const std::string boot_id = read_boot_id();
  std::uint64_t next_key = 1;
  std::map<std::uint64_t, Held> held;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  Inner(Reactor& loop, FdWatcher& fds) : reactor(loop), watcher(fds) {}

  /// Who has the number now, whether running or a zombie.
  std::optional<ProcessIdentity> identity_of(int pid) const {
    const std::optional<ProcStat> stat = read_stat(pid);
    return stat ? std::optional(ProcessIdentity{pid, stat->start_ticks, boot_id}) : std::nullopt;
  }

  /// A pidfd of exactly that process; empty if it is gone. The descriptor comes first: from then
  /// on the process behind it cannot change, and the comparison is about it.
  /// ERRORS: kResourceExhausted without descriptors, when nobody can tell whether it is gone.
  Result<UniqueFd> open_exactly(const ProcessIdentity& who) const {
    UniqueFd pidfd = open_pidfd(who.pid);
    if (!pidfd.is_open()) {
      const bool is_gone = errno == ESRCH || errno == EINVAL;
      return is_gone ? Result<UniqueFd>(UniqueFd())
                     : posix_error(fmt::format("watch process {}", who.pid), errno);
    }
    const std::optional<ProcessIdentity> now = identity_of(who.pid);
    if (!now && signal_through(pidfd, 0, 0) == 0) {
      return posix_error(fmt::format("look at process {}", who.pid), EMFILE);
    }
    return now == who ? std::move(pidfd) : UniqueFd();
  }

  void watch(const ProcessIdentity& who, UniqueFd pidfd, OnExit on_exit) {
    const std::uint64_t key = next_key++;
    const int number = pidfd.get();
    Held& entry = held[key];
    entry = {who, std::move(pidfd), WatchId{}, std::move(on_exit)};
    entry.watch = watcher.watch_readable(number, [this, key] { finish(key); });
  }

  /// A child is collected only after `on_exit`: until then its number is its own, and the handler
  /// can still signal what the process left of its group.
  void finish(std::uint64_t key) {
    Held& gone = held.at(key);
    watcher.unwatch(gone.watch);
    gone.has_ended = true;
    const OnExit on_exit = std::move(gone.on_exit);
    const ProcessExit how = look_at_end(gone.pidfd);
    const std::weak_ptr<bool> still = alive;
    if (on_exit) {
      on_exit(how);
    }
    if (!still.expired()) {
      collect(held.at(key).pidfd);
      held.erase(key);
    }
  }

  const Held* find(const ProcessIdentity& who) const {
    for (const auto& [key, entry] : held) {
      if (entry.who == who) {
        return &entry;
      }
    }
    return nullptr;
  }
};

PosixProcessSpawner::PosixProcessSpawner(Reactor& reactor, FdWatcher& watcher)
    : inner_(std::make_unique<Inner>(reactor, watcher)) {}

PosixProcessSpawner::~PosixProcessSpawner() {
  for (const auto& [key, entry] : inner_->held) {
    if (!entry.has_ended) {
      inner_->watcher.unwatch(entry.watch);
    } else {
      collect(entry.pidfd);
    }
  }
}

Result<ProcessIdentity> PosixProcessSpawner::spawn(const LaunchSpec& spec, OnExit on_exit) {
  const auto note = [&](int pid) -> Status {
    const std::optional<ProcessIdentity> who = inner_->identity_of(pid);
    return who ? spec.before_run(*who)
               : Status(posix_error(fmt::format("watch '{}'", spec.argv.front()), EIO));
  };
  VC_TRY(const int child, launch_process(spec, spec.before_run ? BeforeRun(note) : BeforeRun()));
  // Nobody else waits for our children, so the number is the child's until we collect it.
  UniqueFd pidfd = open_pidfd(child);
  const std::optional<ProcessIdentity> who = inner_->identity_of(child);
  if (!pidfd.is_open() || !who) {
    const int problem = pidfd.is_open() ? EIO : errno;
    ::kill(-child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return posix_error(fmt::format("watch '{}' after starting it", spec.argv.front()), problem);
  }
  inner_->watch(*who, std::move(pidfd), std::move(on_exit));
  return *who;
}

Status PosixProcessSpawner::adopt(const ProcessIdentity& who, OnExit on_exit) {
  VC_TRY(UniqueFd pidfd, inner_->open_exactly(who));
  if (!pidfd.is_open()) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot adopt process {}: it is gone", who.pid));
  }
  inner_->watch(who, std::move(pidfd), std::move(on_exit));
  return ok_status();
}

Status PosixProcessSpawner::signal_group(const ProcessIdentity& who, int signal_number) {
  const Inner::Held* held = inner_->find(who);
  Result<UniqueFd> opened = UniqueFd();
  if (held == nullptr) {
    opened = inner_->open_exactly(who);
  }
  if (opened.has_error()) {
    return opened.error();
  }
  const UniqueFd* pidfd = held == nullptr ? &*opened : &held->pidfd;
  if (!pidfd->is_open()) {
    return ok_status();
  }
  int problem = signal_through(*pidfd, signal_number, kToGroup);
  if (problem == EINVAL) {
    // An older kernel. The process may end and be collected by its parent between the question and
    // the signal, but its number is not given out again that fast.
    const bool just_ended = held != nullptr && held->has_ended;
    problem = just_ended ? 0 : signal_through(*pidfd, 0, 0);
    if (problem == 0 && ::kill(-who.pid, signal_number) != 0) {
      problem = errno;
    }
  }
  if (problem == 0 || problem == ESRCH) {
    return ok_status();
  }
  return posix_error(fmt::format("send signal {} to process {}", signal_number, who.pid), problem);
}

std::optional<ProcessIdentity> PosixProcessSpawner::identify(int pid) {
  // A pidfd exists for whole processes only; /proc would also answer for the number of a thread.
  const UniqueFd pidfd = open_pidfd(pid);
  const std::optional<ProcStat> stat = pidfd.is_open() ? read_stat(pid) : std::nullopt;
  if (!stat || stat->state == 'Z' || stat->state == 'X') {
    return std::nullopt;
  }
  return ProcessIdentity{pid, stat->start_ticks, inner_->boot_id};
}

Duration PosixProcessSpawner::age_of(const ProcessIdentity& who) {
  timespec since_boot{};
  const std::int64_t ticks_a_second = ::sysconf(_SC_CLK_TCK);
  if (who.boot_id != inner_->boot_id || ticks_a_second <= 0 ||
      ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) {
    return Duration::zero();
  }
  const std::chrono::nanoseconds began(static_cast<std::int64_t>(who.start_ticks) *
                                       (1'000'000'000 / ticks_a_second));
  const auto now =
      std::chrono::seconds(since_boot.tv_sec) + std::chrono::nanoseconds(since_boot.tv_nsec);
  return std::max(Duration::zero(), std::chrono::duration_cast<Duration>(now - began));
}

}  // namespace voicectl
