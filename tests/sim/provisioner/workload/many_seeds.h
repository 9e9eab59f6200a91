// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/sim/provisioner/workload/workload.h"

namespace voicectl {

/// Which stories are played.
struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 100;
  std::size_t length = 60;
  /// As shifted() says.
  int shift = 0;
  unsigned jobs = 1;
};

Story story_of(const Seeds& seeds, std::uint64_t seed);

/// A seed that breaks a law, and how.
struct Failure {
  std::uint64_t seed = 0;
  Played played;
};

enum class GoOn { kNo, kYes };

/// Plays them, `jobs` at once, each with a world of its own: what comes of a seed does not depend
/// on the others. `on_played` is told of each in the order of the seeds, never two at once.
///
/// Returns the failures by seed; with GoOn::kNo at most one, the lowest, and what comes after it is
/// told nobody.
std::vector<Failure> play_seeds(const Seeds& seeds,
                                GoOn go_on,
                                const std::function<void(const Played&)>& on_played);

/// The seed that this thread plays; 0 if none.
std::uint64_t seed_at_play();

}  // namespace voicectl
