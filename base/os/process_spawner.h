// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// A process that cannot be mistaken for another: the number, when it started (clock ticks after
/// boot, /proc/<pid>/stat field 22), and in which boot.
struct ProcessIdentity {
  int pid = 0;
  std::uint64_t start_ticks = 0;
  std::string boot_id;

  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

/// How a process ended. `known` is false for an adopted process: only its parent learns more.
struct ProcessExit {
  bool known = false;
  std::optional<int> code;
  std::optional<int> signal;

  /// "exited with 3", "killed by signal 9", "ended (status unknown: adopted)".
  std::string str() const;
  friend bool operator==(const ProcessExit&, const ProcessExit&) = default;
};

/// A descriptor that the child gets under a fixed number.
struct FdGrant {
  int fd = -1;  ///< ours; stays ours
  int child_number = -1;
};

struct LaunchSpec {
  /// Program (absolute path) and arguments. Never a secret: anyone can read them.
  std::vector<std::string> argv;
  /// The whole environment; nothing is inherited.
  std::map<std::string, std::string> environment;
  std::string working_directory = "/";
  std::vector<FdGrant> descriptors;
  /// Become this user, without groups, before the program starts. Needs root.
  std::optional<UserIds> user;
  /// Most open descriptors (RLIMIT_NOFILE); less where the host allows less.
  std::optional<std::uint64_t> max_descriptors;
  /// Most address space (RLIMIT_AS); less where the host allows less.
  std::optional<Bytes> max_address_space;
  /// How far it steps back for others when processor time is short, from 0 (not at all) to 19; what
  /// we have ourselves is its least (sched(7), "The nice value").
  int niceness = 0;
  /// Called when the process exists and before the program runs in it, to note who it will be. If
  /// it fails, or we die in it, the program never runs: so nothing runs that is noted nowhere. May
  /// be empty.
  std::function<Status(const ProcessIdentity&)> before_run;
};

/// Starts and signals the native processes that serve tenants, and nginx.
///
/// Every child leads its own session and process group, has `no_new_privs`, standard input from
/// /dev/null, all signals at their defaults and unblocked, and no descriptor but 0, 1, 2 and those
/// granted (1 and 2 go to /dev/null unless granted).
/// THREADS: loop thread only.
class ProcessSpawner {
 public:
  using OnExit = std::function<void(ProcessExit)>;

  virtual ~ProcessSpawner() = default;

  /// Starts a program. Success means that it was executed, not that it is ready. `on_exit` runs
  /// once, in a later turn, when it ends.
  /// REQUIRES: `spec.argv` is not empty.
  /// ERRORS: kNotFound if the program does not exist; kPermissionDenied; kResourceExhausted if the
  /// host is out of processes or memory.
  virtual Result<ProcessIdentity> spawn(const LaunchSpec& spec, OnExit on_exit) = 0;

  /// Watches a process of an earlier daemon run.
  /// ERRORS: kNotFound if it is gone, or its number now belongs to another process.
  virtual Status adopt(const ProcessIdentity& who, OnExit on_exit) = 0;

  /// Signals the whole group of a spawned or adopted process. One that is gone is success; a
  /// recycled number is never hit. While `on_exit` runs, what the process left of its group can
  /// still be signalled; afterwards nobody can.
  virtual Status signal_group(const ProcessIdentity& who, int signal_number) = 0;

  /// The running process with that number, as an identity; nullopt if there is none.
  virtual std::optional<ProcessIdentity> identify(int pid) = 0;

  /// How long ago the process began, whoever started it; zero for one of another boot.
  virtual Duration age_of(const ProcessIdentity& who) = 0;
};

}  // namespace voicectl
