// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "provisioner/daemon/http_probe.h"
#include "provisioner/model/daemon_paths.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// Between two looks at somebody who is watched.
inline constexpr Duration kProbeInterval = std::chrono::seconds(1);
inline constexpr Duration kProbeTimeout = std::chrono::seconds(5);
/// Who is watched has failed when so many looks in a row went wrong.
inline constexpr int kProbeFailures = 2;

/// Looks in a row at which somebody could not be asked, for want of descriptors, that are waited
/// for, a minute: nobody knows how who is watched is, and that is no reason to wait for ever.
inline constexpr int kMostUnasked = 60;

/// Where a tenant answers: on its own listener, under its own name.
ProbeTarget probe_target_of(const RecordedTenant& tenant, const DaemonPaths& paths);

/// Asked at one time: each takes descriptors, and time of the loop that its own deadline counts.
inline constexpr std::size_t kProbesInFlight = 32;

/// Asks all of them, kProbesInFlight side by side; `done` gets their answers in the same order.
void ask_each(HttpProbe& probe,
              const std::vector<ProbeTarget>& targets,
              std::function<void(std::vector<Status>)> done);

}  // namespace voicectl
