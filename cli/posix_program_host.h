// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/os/posix_process_spawner.h"
#include "cli/program_host.h"

namespace voicectl {

/// The real side of ProgramHost, on a loop that runs only while something is waited for.
class PosixProgramHost final : public ProgramHost {
 public:
  PosixProgramHost() : spawner_(reactor_, reactor_) {}

  Result<ProcessIdentity> start(const LaunchSpec& spec, const std::string& log_path) override;
  bool is_running(const ProcessIdentity& who) override;
  Status signal(const ProcessIdentity& who, int number) override;
  WaitOutcome wait_for_end(const ProcessIdentity& who, Duration limit) override;
  Result<FileLock> lock(const std::string& path) override;
  int own_pid() override;
  bool is_in_use(int pid) override;
  MonoTime now() override;
  void pause(Duration length) override;

 private:
  /// Whether it has ended. One watch for each program, however often it is waited for: a watch
  /// holds a descriptor until the program ends.
  Result<std::shared_ptr<bool>> watch(const ProcessIdentity& who);

  AsioReactor reactor_;
  PosixProcessSpawner spawner_;
  std::vector<std::pair<ProcessIdentity, std::shared_ptr<bool>>> watched_;
};

}  // namespace voicectl
