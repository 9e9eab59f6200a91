// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/ip_address.h"
#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

constexpr std::size_t kLongestHost = 253;

std::string where(const Spot& spot) {
  if (spot.file.empty()) {
    return spot.path;
  }
  return spot.place.line > 0 ? fmt::format("{}:{}", spot.file, spot.place.line)
                             : fmt::format("{} ({})", spot.file, spot.path);
}

/// Names seen so far and where.
class SeenNames {
 public:
  SeenNames(std::string_view what, Problems& problems) : what_(what), problems_(&problems) {}

  void add(const std::string& name, const Spot& spot) {
    const auto [earlier, is_new] = spots_.emplace(name, &spot);
    if (!is_new) {
      problems_->add(spot.problem(fmt::format("found the {} '{}' a second time; the first is at {}",
                                              what_, name, where(*earlier->second)),
                                  "keep one of them"));
    }
  }

 private:
  std::string_view what_;
  Problems* problems_;
  std::map<std::string, const Spot*> spots_;
};

void check_hosts(const PlatformDraft& platform, const TenantDraft& tenant, Problems& problems) {
  const std::string& domain = platform.spec.domain;
  const std::string host = tenant.spec.tenant.str() + "." + domain;
  if (tenant.slug && host.size() > kLongestHost) {
    problems.add(tenant.slug->problem(
        fmt::format("found a slug whose host name '{}' has more than {} characters",
                    shown_text(host), kLongestHost),
        "shorten the slug or platform.domain"));
  }
  for (std::size_t i = 0; i < tenant.domains.size(); ++i) {
    const std::string& own = tenant.spec.domains[i].str();
    if (own == domain || own.ends_with("." + domain)) {
      problems.add(tenant.domains[i].problem(
          fmt::format("found '{}', which lies under the platform's own domain '{}'", own, domain),
          "remove it: the tenant is served at " + host + " already"));
    }
  }
}

/// The address that a URL names by itself; nullopt for a name.
std::optional<IpAddress> address_in(std::string_view url) {
  const std::size_t begin = std::min(url.find("://"), url.size());
  std::string_view rest = url.substr(std::min(begin + 3, url.size()));
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (rest.starts_with('[')) {
    return IpAddress::parse(rest.substr(1, rest.find(']') - 1));
  }
  return IpAddress::parse(rest.substr(0, rest.find(':')));
}

/// In direct mode it is the voice service that goes to the site, and shows it a key.
void check_direct(const PlatformSpec& platform,
                  const TenantDraft& tenant,
                  const std::optional<IpAddress>& address,
                  Problems& problems) {
  const auto service = address_in(platform.ultravox.endpoint);
  const bool is_development = service && !service->is_public();
  if (tenant.spec.backend.mode != BackendMode::kDirect || is_development) {
    return;
  }
  if (address && !address->is_public()) {
    problems.add(tenant.backend_url.problem(
        fmt::format("found the address {}, which the voice service cannot reach by itself",
                    address->str()),
        "take the site's public address, or mode: served"));
  } else if (tenant.spec.backend.url.starts_with("http://")) {
    problems.add(tenant.backend_url.problem(
        "found http, over which the voice service would send the site's key in clear",
        "take https, or mode: served"));
  }
}

}  // namespace

void check_backends(const PlatformDraft& platform,
                    const std::vector<TenantDraft>& tenants,
                    Problems& problems) {
  std::vector<IpNetwork> networks;
  for (const std::string& network : platform.spec.backend_networks) {
    networks.push_back(*IpNetwork::parse(network));
  }
  const AddressPolicy policy(std::move(networks));
  for (const TenantDraft& tenant : tenants) {
    if (tenant.spec.backend.kind != BackendKind::kErpnext) {
      continue;
    }
    const auto address = address_in(tenant.spec.backend.url);
    if (address && !policy.allows(*address)) {
      problems.add(tenant.backend_url.problem(
          fmt::format("found the address {}, which is not public: a tenant's backend could be "
                      "used to reach into the platform",
                      address->str()),
          fmt::format("take a public address, or let the platform allow this one with "
                      "platform.backend_networks: [{}]",
                      address->str())));
    }
    check_direct(platform.spec, tenant, address, problems);
  }
}

void check_canaries(const PlatformDraft& platform,
                    const std::vector<TenantDraft>& tenants,
                    Problems& problems) {
  const std::vector<TenantId>& canaries = platform.spec.rollout.canary;
  for (std::size_t i = 0; i < canaries.size(); ++i) {
    const bool is_there =
        std::any_of(tenants.begin(), tenants.end(),
                    [&](const TenantDraft& tenant) { return tenant.spec.tenant == canaries[i]; });
    if (!is_there) {
      Diagnostic problem = platform.rollout.problem(
          fmt::format("found the canary '{}', which is no tenant of these documents",
                      canaries[i].str()),
          "remove it, or add the tenant; of one that a command has made say --canary to 'apply'");
      problem.key_path = fmt::format("{}.canary[{}]", problem.key_path, i);
      problems.add(std::move(problem));
    }
  }
}

void check_together(const PlatformDraft& platform,
                    const std::vector<TenantDraft>& tenants,
                    Problems& problems) {
  SeenNames slugs("slug", problems);
  SeenNames domains("domain", problems);
  for (const TenantDraft& tenant : tenants) {
    if (tenant.slug) {
      slugs.add(tenant.spec.tenant.str(), *tenant.slug);
    }
    for (std::size_t i = 0; i < tenant.domains.size(); ++i) {
      domains.add(tenant.spec.domains[i].str(), tenant.domains[i]);
    }
    check_hosts(platform, tenant, problems);
  }
  // A port for each tenant, and one for the administration of each instance. Promotions by the
  // monitor need more; this is what is needed without any.
  const auto dedicated =
      std::count_if(tenants.begin(), tenants.end(),
                    [](const TenantDraft& tenant) { return tenant.spec.tier == Tier::kDedicated; });
  const std::size_t ports = 1U + platform.spec.last_port - platform.spec.first_port;
  const std::size_t needed =
      tenants.size() + static_cast<std::size_t>(dedicated) + platform.spec.pool_size;
  if (needed > ports) {
    problems.add(platform.port_range.problem(
        fmt::format("found a range of {} ports; {} tenants, {} of them dedicated, and {} shared "
                    "instances need {}",
                    ports, tenants.size(), dedicated, platform.spec.pool_size, needed),
        "widen ports.range"));
  }
}

}  // namespace voicectl
