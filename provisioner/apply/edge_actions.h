// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "provisioner/apply/executor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/certs/certificate_store.h"
#include "provisioner/certs/certificates.h"
#include "provisioner/edge/edge_config.h"
#include "provisioner/edge/edge_proxy.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// What the edge's configuration takes from the daemon rather than from the YAML.
struct EdgeSettings {
  EdgeFolders folders;
  PlainHttp plain_http = PlainHttp::kRedirect;
  std::optional<EdgeUser> user;
};

/// The configuration that a platform and, in static mode, its tenants ask for; nullopt for mode
/// none.
/// ERRORS: kInvalidArgument for a domain or port that cannot be served.
Result<std::optional<EdgeConfig>> make_edge_config(const EdgeSettings& settings,
                                                   const PlatformSpec& platform,
                                                   const std::vector<TenantSpec>& tenants);

/// The edge and its certificates.
///
/// THREADS: loop thread only.
class EdgeActions {
 public:
  struct Deps {
    RecordedState& recorded;
    TenantFiles& files;
    EdgeProxy& edge;
    CertificateSource& authority;
    CertificateStore& certificates;
    EdgeSettings settings;
    FileSystem& host_files;
    WrittenFiles& written;
  };
  explicit EdgeActions(Deps deps) : deps_(std::move(deps)) {}

  void perform(const IssueCertificate& action, OnActionDone done);
  void perform(const RemoveCertificate& action, OnActionDone done);
  void perform(const PublishEdge& action, OnActionDone done);
  void perform(const PublishRoute& action, OnActionDone done);
  void perform(const WithdrawRoute& action, OnActionDone done);

  /// Writes those of one again.
  Status publish_recorded_route(const RecordedTenant& tenant);
  /// Writes the links of every recorded tenant again: after a reboot, which empties the run folder.
  Status publish_recorded_routes();

 private:
  Status publish(const TenantId& tenant, const std::vector<std::string>& hosts);
  /// Keeps what a person wrote into the file that `config` is about to replace, or makes it what is
  /// served if it was adopted. Returns the text that will stand there.
  Result<std::string> respect_file(EdgeConfig& config);
  /// What is to be said of an adopted file that is served; empty: it is what was adopted.
  std::string note_on_adopted(const std::string& text) const;

  Deps deps_;
};

}  // namespace voicectl
