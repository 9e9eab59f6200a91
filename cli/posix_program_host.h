// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  MonoTime now() override;
  void pause(Duration length) override;

 private:
  AsioReactor reactor_;
  PosixProcessSpawner spawner_;
};

}  // namespace voicectl
