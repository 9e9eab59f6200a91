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

std::optional<std::string> law_broken_by(const Story& story) {
  const Played played = play(story);
  return played.violation ? std::optional<std::string>(played.law) : std::nullopt;
}

namespace {

/// Ops are left out, half of the story at once and in the end one by one.
Story with_fewer(Story story, const std::function<bool(const Story&)>& still_breaks) {
  for (std::size_t part = std::max<std::size_t>(1, story.size() / 2); part > 0; part /= 2) {
    for (std::size_t at = 0; at + part <= story.size();) {
      Story shorter = story;
      shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at),
                    shorter.begin() + static_cast<std::ptrdiff_t>(at + part));
      if (still_breaks(shorter)) {
        story = std::move(shorter);
      } else {
        at += part;
      }
    }
  }
  return story;
}

/// Each number becomes 0 if it may, or else is halved as often as it may.
Story with_smaller(Story story, const std::function<bool(const Story&)>& still_breaks) {
  for (std::size_t i = 0; i < story.size(); ++i) {
    for (int Op::*const number : {&Op::a, &Op::b}) {
      const auto becomes = [&](int value) {
        Story smaller = story;
        smaller[i].*number = value;
        const bool may = story[i].*number > value && still_breaks(smaller);
        if (may) {
          story = std::move(smaller);
        }
        return may;
      };
      if (!becomes(0)) {
        while (becomes(story[i].*number / 2)) {
        }
      }
    }
  }
  return story;
}

}  // namespace

Story shrink(Story story, const std::string& law, const LawOf& law_of) {
  const auto still_breaks = [&](const Story& shorter) { return law_of(shorter) == law; };
  return with_smaller(with_fewer(std::move(story), still_breaks), still_breaks);
}

}  // namespace voicectl
