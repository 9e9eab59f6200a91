// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "base/os/unique_fd.h"

namespace voicectl {

class FakeProcessSpawner;

/// The processes of the simulated machine. It outlives the daemon, as real ones do.
///
/// Lives are scripted through the hooks: a test (or a fake instance) is told of each start and
/// signal and decides what the process does. Without a hook a process runs until it is signalled,
/// and dies of every signal but those that do nothing by default.
class FakeProcesses {
 public:
  explicit FakeProcesses(Reactor& reactor) : reactor_(reactor) {}
  FakeProcesses(const FakeProcesses&) = delete;
  FakeProcesses& operator=(const FakeProcesses&) = delete;

  /// Runs in a later turn than spawn(), if the process lives then.
  std::function<void(const LaunchSpec& spec, const ProcessIdentity& who)> on_spawn;
  /// Runs in a later turn than signal_group(), for every signal but SIGKILL, if the process lives
  /// then. Returns whether the process handles it; if not, the default happens.
  std::function<bool(const ProcessIdentity& who, int signal_number)> on_signal;
  /// Numbers of those that wait for a disk: they do not end, also when they are killed.
  std::set<int> immortal;

  struct Signal {
    ProcessIdentity who;
    int number = 0;
    friend bool operator==(const Signal&, const Signal&) = default;
  };

  /// The process ends by itself, or is killed from outside the daemon. Its descriptors close.
  /// Nothing happens to one that is gone.
  void end(const ProcessIdentity& who, ProcessExit how);
  static ProcessExit exited(int code) { return {true, code, std::nullopt}; }
  static ProcessExit killed_by(int signal) { return {true, std::nullopt, signal}; }

  /// A program that nobody of ours started runs under the number `pid` (which must be free).
  ProcessIdentity start_foreign(int pid, std::vector<std::string> arguments = {});
  /// As kill(1) does.
  void signal_from_outside(const ProcessIdentity& who, int number) { signal(who, number); }
  /// All processes are gone and the next ones belong to another boot.
  void reboot();

  /// The next spawn fails so.
  void fail_next_spawn(Error error) { next_failure_ = std::move(error); }
  /// Programs that are not installed: spawning them is kNotFound.
  void uninstall(const std::string& program) { missing_.insert(program); }
  void install(const std::string& program) { missing_.erase(program); }

  bool is_alive(const ProcessIdentity& who) const;
  /// Running processes, by number.
  std::vector<ProcessIdentity> running() const;
  /// What a process was started with; nullptr if it is gone or foreign.
  const LaunchSpec* spec_of(const ProcessIdentity& who) const;
  /// The process's own duplicate of a granted descriptor; -1 if it has none under that number.
  int descriptor_of(const ProcessIdentity& who, int child_number) const;
  /// The process takes a descriptor (one it was sent) and holds it until it ends.
  void keep(const ProcessIdentity& who, UniqueFd descriptor);
  /// Every signal that reached a living process, oldest first.
  const std::vector<Signal>& signals() const { return signals_; }
  /// Every process ever spawned by a daemon, oldest first.
  const std::vector<ProcessIdentity>& spawned() const { return spawned_; }

 private:
  friend class FakeProcessSpawner;

  struct Watch {
    std::weak_ptr<bool> daemon;  ///< false or gone: nobody is told
    bool is_parent = false;
    ProcessSpawner::OnExit on_exit;
  };
  struct Process {
    ProcessIdentity who;
    MonoTime began{};
    std::optional<LaunchSpec> spec;
    std::map<int, UniqueFd> granted;
    std::vector<UniqueFd> kept;
    std::vector<Watch> watches;
  };

  Result<ProcessIdentity> spawn(const LaunchSpec& spec, Watch watch);
  Process* find(const ProcessIdentity& who);
  const Process* find(const ProcessIdentity& who) const;
  void signal(const ProcessIdentity& who, int number);

  Reactor& reactor_;
  std::map<int, Process> processes_;
  std::set<std::string> missing_;
  std::optional<Error> next_failure_;
  std::vector<Signal> signals_;
  std::vector<ProcessIdentity> spawned_;
  int next_pid_ = 1000;
  std::uint64_t next_tick_ = 5000;
  int boots_ = 1;
};

/// One daemon's view of the processes: it dies with the daemon, they do not.
class FakeProcessSpawner final : public ProcessSpawner {
 public:
  explicit FakeProcessSpawner(FakeProcesses& world) : world_(world) {}
  ~FakeProcessSpawner() override { *alive_ = false; }
  FakeProcessSpawner(const FakeProcessSpawner&) = delete;
  FakeProcessSpawner& operator=(const FakeProcessSpawner&) = delete;

  Result<ProcessIdentity> spawn(const LaunchSpec& spec, OnExit on_exit) override;
  Status adopt(const ProcessIdentity& who, OnExit on_exit) override;
  Status signal_group(const ProcessIdentity& who, int signal_number) override;
  std::optional<ProcessIdentity> identify(int pid) override;
  Duration age_of(const ProcessIdentity& who) override;

 private:
  FakeProcesses& world_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace voicectl
