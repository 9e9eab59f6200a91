// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "provisioner/edge/edge_record.h"
#include "provisioner/edge/nginx_edge.h"
#include "provisioner/edge/nginx_process.h"

namespace voicectl {

/// Finds the nginx of an earlier daemon run again.
///
/// THREADS: loop thread only.
class NginxAdoption {
 public:
  struct Outcome {
    bool adopted = false;
    /// What it serves; empty if it does not say.
    std::string fingerprint;
  };

  NginxAdoption(const NginxEdgeDeps& deps, const NginxEdgeOptions& options, NginxProcess& process);
  NginxAdoption(const NginxAdoption&) = delete;
  NginxAdoption& operator=(const NginxAdoption&) = delete;

  /// Tries each identity of `known`. If none of them runs, asks the status socket who opened it:
  /// that finds an nginx whose start nobody had the time to write down.
  void run(const std::vector<ProcessIdentity>& known, std::function<void(Outcome)> done);

 private:
  void judge(const Result<EdgeStatus>& status, const std::function<void(Outcome)>& done);
  /// The number alone proves nothing: whoever opened the socket may be gone, and the number may
  /// be another's.
  bool is_our_nginx(int pid);

  NginxEdgeDeps deps_;
  const NginxEdgeOptions& options_;
  NginxProcess& process_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace voicectl
