// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// Each returns what is broken, for people; empty when the law holds.

/// Needs point backwards, and for each tenant the order is data and start, lend, route; withdraw,
/// reclaim, release, retire, delete. An instance stops after the last tenant has left it. Each of
/// these orders must follow from the needs alone, because steps run side by side.
std::vector<std::string> broken_orders(const Plan& plan, const Snapshot& before);

/// No port has two holders, recorded or leased, and none is leased again in its quarantine.
std::vector<std::string> shared_ports(const Snapshot& snapshot);
std::vector<std::string> hasty_leases(const Snapshot& before, const Plan& plan, WallTime now);

/// Every tenant that serves is placed on an instance that is recorded, and every host leads to one
/// tenant only.
std::vector<std::string> misplaced_tenants(const Snapshot& snapshot);

}  // namespace voicectl
