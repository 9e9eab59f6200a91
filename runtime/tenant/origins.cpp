// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/origins.h"

#include <algorithm>
#include <optional>
#include <string>

namespace voicectl::runtime {
namespace {

constexpr std::string_view kHostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-.";

/// Host of "http(s)://host[:port]"; nullopt for anything else. Browsers write it in lower case.
std::optional<std::string_view> host_of_origin(std::string_view origin) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!origin.starts_with(scheme)) {
      continue;
    }
    const std::string_view rest = origin.substr(scheme.size());
    const std::string_view host = rest.substr(0, rest.find(':'));
    const std::string_view port = rest.substr(host.size());
    const bool is_port = port.empty() || (port.size() > 1 && port.size() <= 6 &&
                                          port.find_first_not_of("0123456789", 1) == port.npos);
    const bool is_host = !host.empty() && host.find_first_not_of(kHostCharacters) == host.npos;
    return is_host && is_port ? std::optional(host) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

bool is_allowed_origin(const TenantConfig& config, std::string_view origin) {
  const std::optional<std::string_view> host = host_of_origin(origin);
  if (!host) {
    return false;
  }
  const auto has = [](const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  const std::string_view base = config.base_url;
  const std::size_t scheme = base.find("://");
  const std::optional<std::string_view> own =
      scheme == base.npos ? std::nullopt : host_of_origin(base);
  return own == host || has(config.domains, *host) || has(config.allowed_origins, origin);
}

HttpResponse preflight_answer(std::string_view methods) {
  return {204,
          {{"Access-Control-Allow-Methods", std::string(methods)},
           {"Access-Control-Allow-Headers",
            "Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-Id"},
           // What browsers keep it for at most differs; two hours is the least of their caps.
           {"Access-Control-Max-Age", "7200"}},
          {}};
}

bool is_preflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && request.header("Origin").has_value() &&
         request.header("Access-Control-Request-Method").has_value();
}

}  // namespace voicectl::runtime
