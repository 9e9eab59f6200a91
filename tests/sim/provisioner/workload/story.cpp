// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/story.h"

#include <fmt/core.h>

#include <array>
#include <sstream>

#include "base/random.h"

namespace voicectl {
namespace {

struct Entry {
  Deed deed;
  std::string_view name;
  /// How often it is drawn.
  int weight;
  int most_a;
  int most_b;
  bool is_fault = false;
};

constexpr std::array<Entry, kDeeds> kEntries = {{
    {Deed::kCreate, "create", 10, 7, 0},
    {Deed::kDelete, "delete", 5, 7, 0},
    {Deed::kEdit, "edit", 5, 7, 0},
    {Deed::kTier, "tier", 8, 7, 2},
    {Deed::kPool, "pool", 2, 3, 0},
    {Deed::kApply, "apply", 3, 0, 0},
    {Deed::kMove, "move", 4, 7, 3},
    {Deed::kRestart, "restart", 4, 9, 0},
    {Deed::kUpgrade, "upgrade", 2, 3, 1},
    {Deed::kAbort, "abort", 1, 0, 0},
    {Deed::kWait, "wait", 30, 60, 0},
    {Deed::kLoad, "load", 6, 7, 60},
    {Deed::kCrash, "crash", 6, 9, 0, true},
    {Deed::kMute, "mute", 1, 9, 0, true},
    {Deed::kSlow, "slow", 2, 20, 0, true},
    {Deed::kNeverReady, "never_ready", 1, 0, 0, true},
    {Deed::kKill, "kill", 4, 0, 0, true},
    {Deed::kKillAt, "kill_at", 8, 80, 1, true},
    {Deed::kFailAt, "fail_at", 5, 60, 2, true},
    {Deed::kHandOver, "hand_over", 4, 7, 4, true},
    {Deed::kHolder, "holder", 2, 0, 0, true},
    {Deed::kReboot, "reboot", 1, 0, 1, true},
    {Deed::kTear, "tear", 3, 80, 0, true},
    {Deed::kCut, "cut", 4, 5, 2, true},
    {Deed::kFreeze, "freeze", 1, 10, 0, true},
    {Deed::kOccupy, "occupy", 2, 15, 0, true},
    {Deed::kVacate, "vacate", 1, 0, 0},
    {Deed::kFull, "full", 1, 0, 0, true},
    {Deed::kFree, "free", 2, 0, 0},
    {Deed::kJump, "jump", 2, 7200, 1, true},
    {Deed::kTouch, "touch", 4, 7, 5, true},
    {Deed::kFailLate, "fail_late", 4, 60, 2, true},
    {Deed::kLie, "lie", 2, 60, 0, true},
    {Deed::kEdge, "edge", 1, 1, 0},
    {Deed::kRollout, "rollout", 2, 3, 8},
    {Deed::kHook, "hook", 2, 3, 0},
    {Deed::kLock, "lock", 3, 40, 1},
}};

const Entry& entry_of(Deed deed) {
  return kEntries.at(static_cast<std::size_t>(deed));
}

constexpr bool are_in_order() {
  for (std::size_t i = 0; i < kEntries.size(); ++i) {
    if (static_cast<std::size_t>(kEntries[i].deed) != i) {
      return false;
    }
  }
  return true;
}
static_assert(are_in_order());

int total_weight() {
  int sum = 0;
  for (const Entry& entry : kEntries) {
    sum += entry.weight;
  }
  return sum;
}

/// Every fifth story is about the monitor.
bool is_of_load(std::uint64_t seed) {
  return seed % 5 == 2;
}

Op draw(SeededRandom& random) {
  auto pick = static_cast<int>(random.below(static_cast<std::uint64_t>(total_weight())));
  for (const Entry& entry : kEntries) {
    pick -= entry.weight;
    if (pick < 0) {
      return Op{entry.deed,
                static_cast<int>(random.below(static_cast<std::uint64_t>(entry.most_a) + 1)),
                static_cast<int>(random.below(static_cast<std::uint64_t>(entry.most_b) + 1))};
    }
  }
  return {};
}

/// Many become busy at once: more than may be promoted. Some of them become quiet, and perhaps for
/// long enough.
void add_burst(SeededRandom& random, Story& story) {
  const int tenants = entry_of(Deed::kLoad).most_a + 1;
  const auto below = [&](int bound) {
    return static_cast<int>(random.below(static_cast<std::uint64_t>(bound)));
  };
  const int first = below(tenants);
  const int count = 3 + below(4);
  for (int i = 0; i < count; ++i) {
    story.push_back({Deed::kLoad, (first + i) % tenants, 15 + below(46)});
  }
  story.push_back({Deed::kWait, 10 + below(70), 0});
  for (int i = 0; i < count; ++i) {
    if (below(2) == 0) {
      story.push_back({Deed::kLoad, (first + i) % tenants, below(8)});
    }
  }
  story.push_back({Deed::kWait, below(100), 0});
}

/// Bursts of load over many tenants. Of faults only those that hide no load from the monitor that
/// is there, so that what it decides can be held against what was.
Story make_story_of_load(SeededRandom& random, std::size_t length) {
  Story story;
  for (int tenant = 0; tenant < 6; ++tenant) {
    story.push_back({Deed::kCreate, tenant, 0});
  }
  story.push_back({Deed::kWait, 10, 0});
  while (story.size() < length) {
    const Op op = draw(random);
    if (op.deed == Deed::kLoad || random.below(4) == 0) {
      add_burst(random, story);
    } else if (!hides_load(op.deed)) {
      story.push_back(op);
    }
  }
  story.resize(length);
  return story;
}

}  // namespace

bool hides_load(Deed deed) {
  return is_fault(deed) && deed != Deed::kKill && deed != Deed::kKillAt && deed != Deed::kJump;
}

std::string_view name_of(Deed deed) {
  return entry_of(deed).name;
}

bool is_fault(Deed deed) {
  return entry_of(deed).is_fault;
}

Story make_story(std::uint64_t seed, std::size_t length) {
  SeededRandom random(seed);
  if (is_of_load(seed)) {
    return make_story_of_load(random, length);
  }
  // Something to begin with; the rest is drawn.
  Story story = {{Deed::kCreate, 0, 0}, {Deed::kCreate, 1, 0}, {Deed::kWait, 10, 0}};
  while (story.size() < length) {
    story.push_back(draw(random));
  }
  return story;
}

Story shifted(Story story, int calls) {
  for (Op& op : story) {
    const bool is_planned = op.deed == Deed::kKillAt || op.deed == Deed::kFailAt ||
                            op.deed == Deed::kTear || op.deed == Deed::kFailLate ||
                            op.deed == Deed::kLie;
    op.a += is_planned ? calls : 0;
  }
  return story;
}

std::string render_story(const Story& story) {
  std::string out;
  for (const Op& op : story) {
    out += fmt::format("{} {} {}\n", name_of(op.deed), op.a, op.b);
  }
  return out;
}

Result<Story> parse_story(std::string_view text) {
  Story story;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name;
    if (!(words >> name)) {
      continue;
    }
    Op op;
    bool is_known = false;
    for (const Entry& entry : kEntries) {
      if (entry.name == name) {
        op.deed = entry.deed;
        is_known = true;
      }
    }
    if (!is_known) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot read line {}: '{}' is no deed", number, name));
    }
    words >> op.a >> op.b;
    story.push_back(op);
  }
  return story;
}

}  // namespace voicectl
