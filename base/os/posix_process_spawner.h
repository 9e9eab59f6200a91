// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/os/process_spawner.h"
#include "base/os/reactor.h"

namespace voicectl {

/// The real side of ProcessSpawner: fork, exec, pidfd (Linux 5.11 or newer).
class PosixProcessSpawner final : public ProcessSpawner {
 public:
  /// REQUIRES: `watcher` and `reactor` outlive it.
  PosixProcessSpawner(Reactor& reactor, FdWatcher& watcher);
  /// Children keep running.
  ~PosixProcessSpawner() override;

  Result<ProcessIdentity> spawn(const LaunchSpec& spec, OnExit on_exit) override;
  Status adopt(const ProcessIdentity& who, OnExit on_exit) override;
  Status signal_group(const ProcessIdentity& who, int signal_number) override;
  std::optional<ProcessIdentity> identify(int pid) override;
  Duration age_of(const ProcessIdentity& who) override;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl
