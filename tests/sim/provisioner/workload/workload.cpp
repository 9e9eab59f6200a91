// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/workload.h"

#include <algorithm>
#include <utility>

#include "tests/sim/provisioner/workload/world.h"

namespace voicectl {

Played play(const Story& story) {
  Played played;
  World world;
  try {
    for (const Op& op : story) {
      ++played.ops;
      if (is_fault(op.deed)) {
        ++played.faults[op.deed];
      }
      world.perform(op);
    }
    world.heal_and_rest();
  } catch (const Broken& broken) {
    played.violation = broken.what;
    played.law = broken.law;
  }
  world.fill(played);
  return played;
}

Story shrink(Story story) {
  for (std::size_t part = std::max<std::size_t>(1, story.size() / 2); part > 0; part /= 2) {
    for (std::size_t at = 0; at + part <= story.size();) {
      Story shorter = story;
      shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at),
                    shorter.begin() + static_cast<std::ptrdiff_t>(at + part));
      if (play(shorter).violation) {
        story = std::move(shorter);
      } else {
        at += part;
      }
    }
  }
  return story;
}

}  // namespace voicectl
