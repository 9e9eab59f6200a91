// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/daemon/tenant_stats.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// What is told of each tenant: its counts, or what the monitor samples, which tells latencies
/// once.
enum class StatsDepth { kCounts, kSample };

/// Asks an instance for its tenants' load, page by page; all have come after `within`, or it fails.
/// REQUIRES: both outlive the answer.
/// ERRORS: those of InstanceManager::request and StatsPages::take.
void ask_stats(Reactor& reactor,
               InstanceManager& instances,
               const InstanceView& instance,
               StatsDepth depth,
               Duration within,
               Completion<InstanceStats> done);

}  // namespace voicectl
