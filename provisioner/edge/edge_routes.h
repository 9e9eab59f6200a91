// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/os/file_system.h"
#include "base/result.h"
#include "provisioner/edge/edge_config.h"

namespace voicectl {

/// The routes of the edge as links in one folder: nginx finds a tenant's socket through them, so a
/// route comes and goes without a word to nginx. The marker beside a link names its tenant.
///
/// Which custom domains a tenant has is kept in a file beside the links, written before the first
/// link and shortened after the last one: whatever a crash leaves, the next call finds and mends.
class EdgeRoutes {
 public:
  EdgeRoutes(FileSystem& files, EdgeFolders folders);

  /// Subdomains are those right below `domain`. Routes that came before the first call take effect
  /// now.
  Status set_domain(const HostName& domain);
  const std::optional<HostName>& domain() const { return domain_; }

  /// Makes the folder of the links.
  Status prepare();

  /// As EdgeProxy::publish_route. Before set_domain() the route is only kept in mind.
  /// ERRORS: kInvalidArgument also for a host whose link would be longer than a socket's address
  /// may be.
  Status publish(const TenantId& tenant,
                 const std::vector<HostName>& hosts,
                 const std::string& socket_path);

  /// As EdgeProxy::withdraw_route.
  Status withdraw(const TenantId& tenant);

 private:
  struct Route {
    std::vector<HostName> hosts;
    std::string socket_path;
  };

  std::string list_path(const TenantId& tenant) const;
  Result<std::vector<HostName>> load_custom(const TenantId& tenant);
  Status store_custom(const TenantId& tenant, const std::vector<HostName>& hosts);
  Status check_host(const TenantId& tenant, const HostName& host);
  bool is_subdomain(const HostName& host) const;
  /// The link first, then the marker: there is no moment at which the marker promises too much.
  Status open(const EdgeRouteFiles& route, const TenantId& tenant, const std::string& target);
  Status close(const EdgeRouteFiles& route);
  Status relink(const TenantId& tenant,
                const std::vector<HostName>& hosts,
                const std::string& target);

  FileSystem& files_;
  EdgeFolders folders_;
  std::optional<HostName> domain_;
  /// Routes that wait for the first domain.
  std::map<TenantId, Route> waiting_;
};

}  // namespace voicectl
