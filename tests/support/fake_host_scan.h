// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/os/host_scan.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_process_spawner.h"

namespace voicectl {

/// What can be seen of the simulated machine.
class FakeHostScan final : public HostScan {
 public:
  FakeHostScan(FakeFileSystem& files, FakeProcesses& processes, FakeNetwork& network)
      : files_(files), processes_(processes), network_(network) {}

  /// As for who is not root: what is in a folder that is closed to its owner cannot be looked at.
  bool obeys_modes = false;
  /// How often a process's descriptors were gone through.
  std::size_t processes_read = 0;
  /// How often the kernel was asked what sockets are bound to.
  std::size_t bound_files_asked = 0;

  Result<std::optional<FileFacts>> look(const std::string& path) override;
  std::unique_ptr<Glance> glance(std::vector<Seen> seen) override;
  std::vector<ProcessFacts> processes() override;
  std::vector<ListenerFacts> listeners() override;
  std::optional<std::uint64_t> socket_inode(int descriptor) override;
  std::vector<std::optional<FileIdentity>> bound_files(
      const std::vector<int>& descriptors) override;
  std::optional<std::set<std::uint64_t>> sockets(int pid) override;
  Status set_access(const std::string& path,
                    const FileFacts& seen,
                    FileMode mode,
                    std::optional<UserIds> owner) override;
  Status signal_process(int pid, std::uint64_t start_ticks, int signal_number) override;

 private:
  FileIdentity bound_file(int descriptor) const;

  FakeFileSystem& files_;
  FakeProcesses& processes_;
  FakeNetwork& network_;
};

}  // namespace voicectl
