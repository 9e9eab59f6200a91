// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/units.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {

/// How long old processes of the proxy keep the WebSockets that they carry after a reload: the
/// longest voice session, with a margin.
inline constexpr std::chrono::hours kEdgeLinger{2};

/// The two roots below which the edge keeps its files. Absolute, without a slash at the end.
struct EdgeFolders {
  /// The daemon's run folder: <run>/edge, <run>/tenants, <run>/domains.
  std::string run;
  /// The daemon's log folder: <log>/edge/error.log.
  std::string log;
  friend bool operator==(const EdgeFolders&, const EdgeFolders&) = default;
};

/// Prefix of nginx: configuration, pid file, temporary files.
std::string edge_folder(const EdgeFolders& folders);
/// One PEM file per host name, readable for nginx's own user.
std::string edge_certificate_folder(const EdgeFolders& folders);
/// Where files for HTTP-01 challenges are served from.
std::string edge_challenge_folder(const EdgeFolders& folders);
/// Answers the fingerprint of the configuration that is served. In a folder of mode 0700.
std::string edge_status_socket(const EdgeFolders& folders);
std::string edge_error_log(const EdgeFolders& folders);
/// A route is two files: a link to the tenant's socket, and a marker that it is to be used. nginx
/// can ask whether a file exists, but a socket does not count as one.
struct EdgeRouteFiles {
  std::string link;
  std::string marker;
};
/// Route of a tenant's subdomain. By slug and not by host, because a socket's address holds 107
/// bytes.
EdgeRouteFiles edge_route(const EdgeFolders& folders, const TenantId& tenant);
/// Route of a custom domain. A host name has a dot and a slug has none: they never meet.
EdgeRouteFiles edge_route(const EdgeFolders& folders, const HostName& host);
/// A tenant's own listener.
std::string tenant_socket(const EdgeFolders& folders, const TenantId& tenant);

/// What the http port does with a tenant's hosts.
enum class PlainHttp {
  kRedirect,  ///< sends everybody to https (but certificate challenges)
  kServe,     ///< serves tenants as https does: for development only
};

/// The user that nginx's own processes run as. Only root can name one.
struct EdgeUser {
  std::string name;
  std::string group;
  friend bool operator==(const EdgeUser&, const EdgeUser&) = default;
};

/// Requests per second and client address, and how many more may come at once.
struct RateLimit {
  std::uint32_t per_second = 0;
  std::uint32_t burst = 0;
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

/// What suits an edge that limits clients itself. The daemon's does not: limits are its tenants'.
inline constexpr RateLimit kDefaultApiLimit{10, 200};
inline constexpr RateLimit kDefaultVoiceLimit{50, 500};

/// A tenant's server block in static mode.
struct EdgeTenant {
  TenantId tenant;
  /// Every host it is reached under, its subdomain among them.
  std::vector<HostName> hosts;
  friend bool operator==(const EdgeTenant&, const EdgeTenant&) = default;
};

/// A configuration that a person wrote and that was accepted as it is.
struct AdoptedConfig {
  std::string text;
  /// What it answers when it is asked who it is.
  std::string fingerprint;
  friend bool operator==(const AdoptedConfig&, const AdoptedConfig&) = default;
};

/// All that nginx's configuration is made from.
struct EdgeConfig {
  /// REQUIRES: not kNone.
  EdgeMode mode = EdgeMode::kDynamic;
  /// IPv4 or IPv6 literal.
  std::string address;
  Port http_port;
  Port https_port;
  /// Tenants live at <slug>.<domain>.
  HostName domain;
  EdgeFolders folders;
  PlainHttp plain_http = PlainHttp::kRedirect;
  std::optional<EdgeUser> user;
  /// nullopt: as many as there are cores.
  std::optional<std::uint32_t> processes;
  /// Open connections per process, both sides counted.
  std::uint32_t connections_per_process = 8192;
  /// For /api/ and for /ws; absent is no limit: right behind a load balancer, and for measurements
  /// on loopback. Webhooks have none: those of all tenants come from few addresses.
  std::optional<RateLimit> api_limit;
  std::optional<RateLimit> voice_limit;
  /// Static mode only, sorted by tenant.
  std::vector<EdgeTenant> tenants;
  /// Served instead of all that is above.
  std::optional<AdoptedConfig> adopted{};
  friend bool operator==(const EdgeConfig&, const EdgeConfig&) = default;
};

/// The text that `config` asks for, whatever was adopted instead.
/// ERRORS: as make_nginx_config.
Result<std::string> render_edge_config(const EdgeConfig& config);

/// Names the configuration that `config` renders to: 16 hexadecimal digits. Equal text, equal
/// fingerprint, also across versions of voicectl.
/// ERRORS: as make_nginx_config.
Result<std::string> edge_fingerprint(const EdgeConfig& config);

}  // namespace voicectl
