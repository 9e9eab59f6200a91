// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/os/file_system.h"
#include "base/os/listener_factory.h"
#include "provisioner/apply/written_files.h"
#include "provisioner/edge/edge_config.h"
#include "provisioner/model/daemon_paths.h"
#include "provisioner/plan/drift_comparison.h"

namespace voicectl {

/// How files of this host are meant to be, as the daemon was started.
struct FileRules {
  DaemonPaths paths;
  EdgeFolders edge;
  /// User of the daemon itself.
  std::uint32_t own_uid = 0;
  /// User of the instances, who owns tenants' folders; absent: the daemon's own.
  std::optional<UserIds> instances;
  /// Who reads the certificates' copies, if it is not the daemon's own user.
  std::optional<UserIds> certificate_readers;
  SocketAccess tenant_sockets;
  /// Of the folders that instances of another user pass through.
  FileMode passage = kPrivateDirectory;
};

/// The platform's own files: folders, keys, certificates, and the edge's configuration where
/// `edge_file` (the path that the proxy reads) is not empty.
std::vector<ExpectedFile> expected_platform_files(const FileRules& rules,
                                                  const Snapshot& snapshot,
                                                  const WrittenFiles& written,
                                                  const std::string& edge_file);

/// What the daemon holds of a tenant.
struct TenantHolds {
  /// Its listeners.
  bool listener = false;
  /// The file that the unix one is bound to, if that is known.
  std::optional<FileIdentity> socket{};
  friend bool operator==(const TenantHolds&, const TenantHolds&) = default;
};

/// A tenant's: its folder, its socket, and its routes where the proxy finds them in files.
std::vector<ExpectedFile> expected_tenant_files(const FileRules& rules,
                                                const RecordedTenant& tenant,
                                                const std::string& domain,
                                                const WrittenFiles& written,
                                                const std::string& edge_file,
                                                const TenantHolds& holds);

}  // namespace voicectl
