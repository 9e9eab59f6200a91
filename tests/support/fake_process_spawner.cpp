// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_process_spawner.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>

#include <utility>

#include "base/check.h"

namespace voicectl {
namespace {

/// Signals whose default is to do nothing, or nothing that ends a process (signal(7)).
bool is_harmless_by_default(int number) {
  return number == 0 || number == SIGCHLD || number == SIGURG || number == SIGWINCH ||
         number == SIGCONT || number == SIGSTOP || number == SIGTSTP;
}

}  // namespace

FakeProcesses::Process* FakeProcesses::find(const ProcessIdentity& who) {
  const auto found = processes_.find(who.pid);
  return found != processes_.end() && found->second.who == who ? &found->second : nullptr;
}

const FakeProcesses::Process* FakeProcesses::find(const ProcessIdentity& who) const {
  const auto found = processes_.find(who.pid);
  return found != processes_.end() && found->second.who == who ? &found->second : nullptr;
}

bool FakeProcesses::is_alive(const ProcessIdentity& who) const {
  return find(who) != nullptr;
}

std::vector<ProcessIdentity> FakeProcesses::running() const {
  std::vector<ProcessIdentity> all;
  for (const auto& [pid, process] : processes_) {
    all.push_back(process.who);
  }
  return all;
}

const LaunchSpec* FakeProcesses::spec_of(const ProcessIdentity& who) const {
  const Process* const process = find(who);
  return process != nullptr && process->spec ? &*process->spec : nullptr;
}

int FakeProcesses::descriptor_of(const ProcessIdentity& who, int child_number) const {
  const Process* const process = find(who);
  if (process == nullptr || !process->granted.contains(child_number)) {
    return -1;
  }
  return process->granted.at(child_number).get();
}

void FakeProcesses::keep(const ProcessIdentity& who, UniqueFd descriptor) {
  if (Process* const process = find(who)) {
    process->kept.push_back(std::move(descriptor));
  }
}

Result<ProcessIdentity> FakeProcesses::spawn(const LaunchSpec& spec, Watch watch) {
  VC_CHECK(!spec.argv.empty(), "a launch names its program");
  if (next_failure_) {
    return *std::exchange(next_failure_, std::nullopt);
  }
  if (missing_.contains(spec.argv.front())) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot start '{}': no such program", spec.argv.front()));
  }
  while (processes_.contains(next_pid_)) {
    ++next_pid_;
  }
  Process process;
  process.who = {next_pid_++, next_tick_++, fmt::format("boot-{}", boots_)};
  if (spec.before_run) {
    VC_TRY(spec.before_run(process.who));
  }
  process.began = reactor_.now();
  process.spec = spec;
  for (const FdGrant& grant : spec.descriptors) {
    process.granted.insert_or_assign(grant.child_number,
                                     UniqueFd(::fcntl(grant.fd, F_DUPFD_CLOEXEC, 0)));
  }
  process.watches.push_back(std::move(watch));
  const ProcessIdentity who = process.who;
  processes_.emplace(who.pid, std::move(process));
  spawned_.push_back(who);
  reactor_.post([this, who, spec] {
    if (on_spawn && is_alive(who)) {
      on_spawn(spec, who);
    }
  });
  return who;
}

void FakeProcesses::end(const ProcessIdentity& who, ProcessExit how) {
  Process* const process = find(who);
  if (process == nullptr) {
    return;
  }
  const Process gone = std::move(*process);
  processes_.erase(who.pid);
  for (const Watch& watch : gone.watches) {
    reactor_.post([watch, how] {
      const auto daemon = watch.daemon.lock();
      if (daemon && *daemon && watch.on_exit) {
        watch.on_exit(watch.is_parent ? how : ProcessExit{});
      }
    });
  }
}

ProcessIdentity FakeProcesses::start_foreign(int pid, std::vector<std::string> arguments) {
  VC_CHECK(!processes_.contains(pid), "a number has one process");
  Process process;
  process.who = {pid, next_tick_++, fmt::format("boot-{}", boots_)};
  process.began = reactor_.now();
  if (!arguments.empty()) {
    process.spec.emplace();
    process.spec->argv = std::move(arguments);
  }
  const ProcessIdentity who = process.who;
  processes_.emplace(pid, std::move(process));
  return who;
}

void FakeProcesses::reboot() {
  processes_.clear();
  ++boots_;
}

void FakeProcesses::signal(const ProcessIdentity& who, int number) {
  signals_.push_back({who, number});
  reactor_.post([this, who, number] {
    if (!is_alive(who) || immortal.contains(who.pid)) {
      return;
    }
    const bool is_handled = number != SIGKILL && on_signal && on_signal(who, number);
    if (!is_handled && !is_harmless_by_default(number)) {
      end(who, killed_by(number));
    }
  });
}

Result<ProcessIdentity> FakeProcessSpawner::spawn(const LaunchSpec& spec, OnExit on_exit) {
  return world_.spawn(spec, {alive_, true, std::move(on_exit)});
}

Status FakeProcessSpawner::adopt(const ProcessIdentity& who, OnExit on_exit) {
  FakeProcesses::Process* const process = world_.find(who);
  if (process == nullptr) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot adopt process {}: it is gone", who.pid));
  }
  process->watches.push_back({alive_, false, std::move(on_exit)});
  return ok_status();
}

Status FakeProcessSpawner::signal_group(const ProcessIdentity& who, int signal_number) {
  if (world_.is_alive(who)) {
    world_.signal(who, signal_number);
  }
  return ok_status();
}

std::optional<ProcessIdentity> FakeProcessSpawner::identify(int pid) {
  const auto found = world_.processes_.find(pid);
  if (found == world_.processes_.end()) {
    return std::nullopt;
  }
  return found->second.who;
}

Duration FakeProcessSpawner::age_of(const ProcessIdentity& who) {
  const FakeProcesses::Process* const process = world_.find(who);
  return process == nullptr ? Duration::zero() : world_.reactor_.now() - process->began;
}

}  // namespace voicectl
