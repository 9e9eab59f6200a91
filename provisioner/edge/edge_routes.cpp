// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/edge_routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

/// Longest address of a unix socket, without its closing zero (unix(7)).
constexpr std::size_t kMostAddressBytes = 107;
/// nginx asks only whether it is there.
constexpr FileMode kMarkerFile{0444};
constexpr std::size_t kMostMarkerBytes = 128;
constexpr std::size_t kMostListBytes = 64U << 10;

std::vector<HostName> sorted_union(std::vector<HostName> a, const std::vector<HostName>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::sort(a.begin(), a.end());
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a;
}

bool contains(const std::vector<HostName>& hosts, const HostName& host) {
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

}  // namespace

EdgeRoutes::EdgeRoutes(FileSystem& files, EdgeFolders folders)
    : files_(files), folders_(std::move(folders)) {}

Status EdgeRoutes::set_domain(const HostName& domain) {
  domain_ = domain;
  const std::map<TenantId, Route> waiting = std::exchange(waiting_, {});
  Status worst = ok_status();
  for (const auto& [tenant, route] : waiting) {
    // One tenant's bad route must not keep the others away.
    const Status published = publish(tenant, route.hosts, route.socket_path);
    if (published.has_error()) {
      worst = published;
    }
  }
  return worst;
}

Status EdgeRoutes::prepare() {
  return files_.make_directory(folders_.run + "/domains", kSharedDirectory);
}

std::string EdgeRoutes::list_path(const TenantId& tenant) const {
  return folders_.run + "/domains/" + tenant.str() + ".json";
}

bool EdgeRoutes::is_subdomain(const HostName& host) const {
  return host.str().ends_with("." + domain_->str());
}

Status EdgeRoutes::check_host(const TenantId& tenant, const HostName& host) {
  if (is_subdomain(host)) {
    if (host.str() == tenant.str() + "." + domain_->str()) {
      return ok_status();
    }
    return Error(ErrorCode::kInvalidArgument,
                 "cannot route '" + host.str() + "' to tenant '" + tenant.str() +
                     "': below the platform's domain a tenant has its own name only");
  }
  VC_TRY(const std::optional<std::string> marker,
         files_.read(edge_route(folders_, host).marker, kMostMarkerBytes));
  if (marker && *marker != tenant.str() + "\n") {
    return Error(ErrorCode::kAlreadyExists, "cannot route '" + host.str() + "' to tenant '" +
                                                tenant.str() + "': it belongs to tenant '" +
                                                marker->substr(0, marker->find('\n')) + "'");
  }
  const std::string link = edge_route(folders_, host).link;
  if (link.size() > kMostAddressBytes) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot route '" + host.str() + "': '" + link + "' is longer than the " +
                     std::to_string(kMostAddressBytes) +
                     " bytes of a socket's address; use a shorter run folder");
  }
  return ok_status();
}

Result<std::vector<HostName>> EdgeRoutes::load_custom(const TenantId& tenant) {
  VC_TRY(const std::optional<std::string> text, files_.read(list_path(tenant), kMostListBytes));
  if (!text) {
    return std::vector<HostName>{};
  }
  VC_TRY(const Json list, parse_json(*text));
  std::vector<HostName> hosts;
  for (const Json& item : list) {
    VC_TRY(HostName host, HostName::parse(item.is_string() ? item.get<std::string>() : ""));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Status EdgeRoutes::store_custom(const TenantId& tenant, const std::vector<HostName>& hosts) {
  if (hosts.empty()) {
    return files_.remove(list_path(tenant));
  }
  Json list = Json::array();
  for (const HostName& host : hosts) {
    list.push_back(host.str());
  }
  return files_.replace_atomically(list_path(tenant), dump_json(list), kPrivateFile);
}

Status EdgeRoutes::open(const EdgeRouteFiles& route,
                        const TenantId& tenant,
                        const std::string& target) {
  VC_TRY(files_.replace_link(route.link, target));
  const std::string wanted = tenant.str() + "\n";
  VC_TRY(const std::optional<std::string> marker, files_.read(route.marker, kMostMarkerBytes));
  // A daemon that comes back finds the routes of thousands as it left them.
  return marker == wanted ? ok_status()
                          : files_.replace_atomically(route.marker, wanted, kMarkerFile);
}

Status EdgeRoutes::close(const EdgeRouteFiles& route) {
  VC_TRY(files_.remove(route.marker));
  return files_.remove(route.link);
}

Status EdgeRoutes::relink(const TenantId& tenant,
                          const std::vector<HostName>& hosts,
                          const std::string& target) {
  const bool reachable = std::any_of(hosts.begin(), hosts.end(),
                                     [this](const HostName& host) { return is_subdomain(host); });
  VC_TRY(reachable ? open(edge_route(folders_, tenant), tenant, target)
                   : close(edge_route(folders_, tenant)));
  std::vector<HostName> custom;
  std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(custom),
               [this](const HostName& host) { return !is_subdomain(host); });
  VC_TRY(const std::vector<HostName> before, load_custom(tenant));
  custom = sorted_union(std::move(custom), {});
  if (before != custom) {
    VC_TRY(store_custom(tenant, sorted_union(before, custom)));
  }
  for (const HostName& host : custom) {
    VC_TRY(open(edge_route(folders_, host), tenant, target));
  }
  for (const HostName& host : before) {
    if (!contains(custom, host)) {
      VC_TRY(close(edge_route(folders_, host)));
    }
  }
  return before != custom ? store_custom(tenant, custom) : ok_status();
}

Status EdgeRoutes::publish(const TenantId& tenant,
                           const std::vector<HostName>& hosts,
                           const std::string& socket_path) {
  if (!domain_) {
    waiting_.insert_or_assign(tenant, Route{hosts, socket_path});
    return ok_status();
  }
  for (const HostName& host : hosts) {
    VC_TRY(check_host(tenant, host));
  }
  // Relative where it can be, so that the run folder can be looked at from elsewhere.
  const bool usual = socket_path == tenant_socket(folders_, tenant);
  return relink(tenant, hosts, usual ? "../tenants/" + tenant.str() + ".sock" : socket_path);
}

Status EdgeRoutes::withdraw(const TenantId& tenant) {
  waiting_.erase(tenant);
  VC_TRY(close(edge_route(folders_, tenant)));
  VC_TRY(const std::vector<HostName> custom, load_custom(tenant));
  for (const HostName& host : custom) {
    VC_TRY(close(edge_route(folders_, host)));
  }
  return store_custom(tenant, {});
}

}  // namespace voicectl
