// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ids.h"

namespace voicectl {

/// What of a tenant is connected.
struct OpenConnections {
  std::uint64_t connections = 0;
  std::uint64_t websockets = 0;
};

/// By tenant, as an instance's answer to control::request::kStats says; what it does not say is
/// left out.
std::map<TenantId, OpenConnections> open_connections(const std::string& stats);
OpenConnections open_connections(const std::string& stats, const TenantId& tenant);

}  // namespace voicectl
