// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/sim/provisioner/workload/story.h"

namespace voicectl {

/// What came of a story.
struct Played {
  /// The first law that was broken, and when; absent: all held.
  std::optional<std::string> violation;
  /// Calls of the daemon into the world: each is a point at which it could have died.
  std::size_t calls = 0;
  std::size_t ops = 0;
  std::size_t faults = 0;
  std::size_t daemons = 0;
  std::size_t hand_overs = 0;
  std::size_t promotions = 0;
  /// Plans that were carried out whole, and those whose forecast counted otherwise.
  std::size_t forecasts = 0;
  std::size_t wrong_forecasts = 0;
  /// How long those plans took, by how long their forecasts said.
  std::vector<double> time_ratios;
  Duration simulated{0};
  /// Over every line of the daemon's log: equal stories give equal digests.
  std::string digest;
  /// The last lines of the daemon's log.
  std::string log_tail;
};

/// Plays a story with the whole control plane, unchanged, on simulated time, processes,
/// descriptors, files, nginx and holder. Then everything is healed, the last file is applied once
/// more, and it must come to rest.
///
/// Held at every simulated second:
///   - no tenant is held by two instances;
///   - no port is leased to two;
///   - epoch, generation and each tenant's token only grow;
///   - no instance is told to stop while it holds a tenant, but for what an upgrade forces;
///   - the daemon that is back knows the file that was last accepted;
///   - while nothing has gone wrong yet, each plan did what its forecast had counted.
/// Held in the end:
///   - another apply is empty, and no intent is open;
///   - each desired tenant is held by the instance that is recorded, at its port, and reachable;
///   - what runs is what is recorded: no instance without a record, no listener without a tenant;
///   - what the registry would load is what the daemon believes.
Played play(const Story& story);

/// The shortest story found that breaks a law too: ops are left out as long as one is broken.
Story shrink(Story story);

}  // namespace voicectl
