// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/ids.h"
#include "base/os/unique_fd.h"
#include "base/result.h"

namespace voicectl {

/// Keeps the open connections of instances outside of them, so that they outlive their death
/// (runtime/parking/protocol.h).
///
/// What it returns are ends of sockets to pass on to an instance; nothing is waited for.
/// THREADS: loop thread only.
class ConnectionKeeper {
 public:
  virtual ~ConnectionKeeper() = default;

  /// The end over which that instance may park its connections.
  /// ERRORS: kUnavailable while nobody keeps anything.
  virtual Result<UniqueFd> open_lane(const InstanceId& instance) = 0;
  /// It may park connections of that tenant from now on; before, they are not kept.
  virtual void allow(const InstanceId& instance, const TenantId& tenant) = 0;
  /// It has let go of the tenant: none of its connections is its own any more.
  virtual void forbid(const InstanceId& instance, const TenantId& tenant) = 0;

  /// The end over which the tenant's next instance gets what those before it left open.
  /// ERRORS: as `open_lane`; kResourceExhausted while too many wait for a keeper that is slow.
  virtual Result<UniqueFd> give(const TenantId& tenant) = 0;
  /// `task` runs when all lanes have to be opened anew.
  virtual void when_lanes_are_lost(std::function<void()> task) = 0;
};

}  // namespace voicectl
