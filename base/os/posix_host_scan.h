// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/host_scan.h"

namespace voicectl {

/// The real side of HostScan: lstat(2), /proc, and the kernel's answers about sockets
/// (sock_diag(7)).
class PosixHostScan final : public HostScan {
 public:
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
};

}  // namespace voicectl
