// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/os/host_scan.h"
#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "provisioner/apply/edge_actions.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/apply/written_files.h"
#include "provisioner/certs/certificate_store.h"
#include "provisioner/plan/drift_comparison.h"

namespace voicectl {

/// How long a stray process may take to end before it is killed.
inline constexpr std::chrono::seconds kStrayGrace{10};

/// How long after that it is waited for: one that waits for a disk ends when that answers.
inline constexpr std::chrono::seconds kStrayEnd{10};

/// Brings back what others have changed, and records what a person accepts.
///
/// What is wrong is looked at again right before it is mended, so that nothing is touched that has
/// become right meanwhile.
/// THREADS: loop thread only.
class DriftActions {
 public:
  struct Deps {
    Reactor& reactor;
    RecordedState& recorded;
    FileSystem& files;
    HostScan& scan;
    ProcessSpawner& processes;
    TenantFiles& tenant_files;
    WrittenFiles& written;
    EdgeActions& edge;
    CertificateStore& certificates;
    const std::vector<ApiKeyRecord>& keys;
    /// What the tenant's (or the platform's) files are to be.
    std::function<std::vector<ExpectedFile>(const std::optional<TenantId>& tenant)> expected;
    /// Makes whoever serves the tenant read its keys again.
    std::function<void(const TenantId& tenant)> reload_keys = {};
  };
  explicit DriftActions(Deps deps) : deps_(std::move(deps)) {}

  void perform(const RestoreFiles& action, OnActionDone done);
  void perform(const EndProcess& action, OnActionDone done);
  void perform(const RecordAdoption& action, OnActionDone done);

 private:
  /// Sets aside what is no file, folder or link where one should be.
  Status clear_the_way(const std::vector<ExpectedFile>& expected);
  /// Keeps what others wrote.
  Status keep_texts(const std::vector<ExpectedFile>& expected);
  Status restore_platform(const std::vector<ExpectedFile>& expected);
  /// What is not as it should be all the same, because what it is made from is lost; empty:
  /// nothing.
  Result<std::string> restore_tenant(const TenantId& tenant,
                                     const std::vector<ExpectedFile>& expected);
  enum class Which { kFolders, kAll };
  /// Modes and owners, but for those that were adopted and are so still.
  Status restore_access(const std::vector<ExpectedFile>& expected, Which which);
  /// As restore_tenant.
  Result<std::string> restore_all(const RestoreFiles& action);

  Deps deps_;
};

}  // namespace voicectl
