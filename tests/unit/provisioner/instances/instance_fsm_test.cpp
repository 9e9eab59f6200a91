// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/instance_fsm.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using enum InstanceState;
using enum InstanceEvent;

/// The drawing of the header, written down a second time, by state.
const std::map<std::pair<InstanceState, InstanceEvent>, InstanceState> kDrawing = {
    {{kStopped, kStartAsked}, kStarting},   {{kStopped, kAdopted}, kReady},
    {{kStopped, kStopAsked}, kStopped},     {{kStarting, kStartAsked}, kStarting},
    {{kStarting, kSpawned}, kStarting},     {{kStarting, kSpawnFailed}, kBackoff},
    {{kStarting, kToldReady}, kReady},      {{kStarting, kReadyTimeout}, kHung},
    {{kStarting, kChannelLost}, kStarting}, {{kStarting, kUnresponsive}, kHung},
    {{kStarting, kExited}, kBackoff},       {{kStarting, kStopAsked}, kStopping},
    {{kReady, kStartAsked}, kReady},        {{kReady, kToldReady}, kReady},
    {{kReady, kChannelLost}, kReady},       {{kReady, kUnresponsive}, kHung},
    {{kReady, kExited}, kBackoff},          {{kReady, kStopAsked}, kStopping},
    {{kBackoff, kStartAsked}, kStarting},   {{kBackoff, kBackoffElapsed}, kStarting},
    {{kBackoff, kGaveUp}, kFailed},         {{kBackoff, kStopAsked}, kStopped},
    {{kHung, kStartAsked}, kHung},          {{kHung, kExited}, kBackoff},
    {{kHung, kStopAsked}, kKilling},        {{kStopping, kStopAsked}, kStopping},
    {{kStopping, kGraceElapsed}, kKilling}, {{kStopping, kExited}, kStopped},
    {{kKilling, kStopAsked}, kKilling},     {{kKilling, kExited}, kStopped},
    {{kFailed, kStartAsked}, kStarting},    {{kFailed, kBackoffElapsed}, kStarting},
    {{kFailed, kStopAsked}, kStopped},
};

TEST(InstanceFsmTest, TakesExactlyTheStepsThatAreDrawn) {
  for (std::size_t state = 0; state < kInstanceStates; ++state) {
    for (std::size_t event = 0; event < kInstanceEvents; ++event) {
      const auto from = static_cast<InstanceState>(state);
      const auto taken = static_cast<InstanceEvent>(event);
      SCOPED_TRACE(std::string(name_of(from)) + " + " + std::string(name_of(taken)));
      const auto drawn = kDrawing.find({from, taken});

      const Result<InstanceState> to = step(from, taken);

      if (drawn == kDrawing.end()) {
        EXPECT_THAT(to, FailsWith(ErrorCode::kConflict));
      } else {
        EXPECT_THAT(to, IsOkAnd(drawn->second));
      }
    }
  }
}

TEST(InstanceFsmTest, CanBeToldToStopInEveryState) {
  for (std::size_t state = 0; state < kInstanceStates; ++state) {
    EXPECT_THAT(step(static_cast<InstanceState>(state), kStopAsked), IsOk());
  }
}

TEST(InstanceFsmTest, LeavesAStateWithAProcessOnlyWhenTheProcessHasEnded) {
  const std::set<InstanceState> with_process = {kStarting, kReady, kHung, kStopping, kKilling};
  for (const InstanceTransition& known : instance_table::kTransitions) {
    if (with_process.contains(known.from) && !with_process.contains(known.to)) {
      EXPECT_TRUE(known.event == kExited || known.event == kSpawnFailed)
          << name_of(known.from) << " + " << name_of(known.event);
    }
  }
}

TEST(InstanceFsmTest, NamesEveryStateAndEventDifferently) {
  std::set<std::string_view> names;
  for (std::size_t state = 0; state < kInstanceStates; ++state) {
    names.insert(name_of(static_cast<InstanceState>(state)));
  }
  EXPECT_EQ(names.size(), kInstanceStates);
  names.clear();
  for (std::size_t event = 0; event < kInstanceEvents; ++event) {
    names.insert(name_of(static_cast<InstanceEvent>(event)));
  }
  EXPECT_EQ(names.size(), kInstanceEvents);
}

}  // namespace
}  // namespace voicectl
