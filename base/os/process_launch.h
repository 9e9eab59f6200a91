// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

/// Forks and executes `spec`, and waits until the program has begun or could not. Returns the
/// number of the child, which nobody has waited for yet.
/// THREADS: any; other threads may run.
/// ERRORS: as ProcessSpawner::spawn.
Result<int> launch_process(const LaunchSpec& spec);

}  // namespace voicectl
