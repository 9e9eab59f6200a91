// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

/// Called with the number of the child while it waits to become the program.
using BeforeRun = std::function<Status(int child)>;

/// Forks and executes `spec`, and waits until the program has begun or could not. Returns the
/// number of the child, which nobody has waited for yet. The child becomes the program only after
/// `before_run` has succeeded, and not at all if it fails or we end meanwhile.
/// THREADS: any; other threads may run.
/// ERRORS: as ProcessSpawner::spawn; that of `before_run`.
Result<int> launch_process(const LaunchSpec& spec, const BeforeRun& before_run);

}  // namespace voicectl
