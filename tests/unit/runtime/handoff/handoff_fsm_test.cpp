// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "runtime/handoff/source_fsm.h"
#include "runtime/handoff/target_fsm.h"
#include "tests/support/matchers.h"

namespace voicectl::handoff {
namespace {

/// All pairs against the drawing in the header, written down a second time in another form.
template <typename State, typename Event>
void expect_exactly(const std::map<std::pair<State, Event>, State>& drawn,
                    std::size_t states,
                    std::size_t events) {
  for (std::size_t s = 0; s < states; ++s) {
    for (std::size_t e = 0; e < events; ++e) {
      const auto state = static_cast<State>(s);
      const auto event = static_cast<Event>(e);
      const Result<State> next = step(state, event);
      const auto expected = drawn.find({state, event});
      if (expected == drawn.end()) {
        EXPECT_THAT(next, FailsWith(ErrorCode::kConflict))
            << name_of(state) << " " << name_of(event);
      } else {
        ASSERT_THAT(next, IsOk()) << name_of(state) << " " << name_of(event);
        EXPECT_EQ(*next, expected->second) << name_of(state) << " " << name_of(event);
      }
    }
  }
}

TEST(HandoffFsm, TheSourceGoesWhereItsDrawingSays) {
  using S = SourceState;
  using E = SourceEvent;
  std::map<std::pair<S, E>, S> drawn = {
      {{S::kOffering, E::kAccepted}, S::kCopying},  {{S::kCopying, E::kEnough}, S::kQuiescing},
      {{S::kQuiescing, E::kQuiet}, S::kReleasing},  {{S::kReleasing, E::kReleased}, S::kOpening},
      {{S::kOpening, E::kOpened}, S::kCatchingUp},  {{S::kCatchingUp, E::kCaughtUp}, S::kFrozen},
      {{S::kFrozen, E::kTaken}, S::kGone},          {{S::kWithdrawing, E::kTaken}, S::kGone},
      {{S::kWithdrawing, E::kWithdrawn}, S::kKept}, {{S::kReleasing, E::kReleaseFailed}, S::kKept},
      {{S::kReverting, E::kReleased}, S::kKept},    {{S::kReverting, E::kReleaseFailed}, S::kKept},
  };
  const std::map<S, S> after_trouble = {
      {S::kOffering, S::kKept},       {S::kCopying, S::kKept},    {S::kQuiescing, S::kKept},
      {S::kOpening, S::kKept},        {S::kCatchingUp, S::kKept}, {S::kReleasing, S::kReverting},
      {S::kReverting, S::kReverting}, {S::kFrozen, S::kKept},     {S::kWithdrawing, S::kKept}};
  for (const auto& [state, next] : after_trouble) {
    for (const E trouble : {E::kRefused, E::kPeerLost, E::kOverdue, E::kCancelled}) {
      drawn[{state, trouble}] = next;
    }
  }
  // What nobody but the other one can decide.
  drawn[{S::kFrozen, E::kOverdue}] = S::kWithdrawing;
  drawn[{S::kFrozen, E::kCancelled}] = S::kFrozen;
  drawn[{S::kWithdrawing, E::kOverdue}] = S::kWithdrawing;
  drawn[{S::kWithdrawing, E::kCancelled}] = S::kWithdrawing;

  expect_exactly(drawn, kSourceStates, kSourceEvents);
}

TEST(HandoffFsm, TheTargetGoesWhereItsDrawingSays) {
  using S = TargetState;
  using E = TargetEvent;
  std::map<std::pair<S, E>, S> drawn = {
      {{S::kWaiting, E::kOfferFits}, S::kPrepared},  {{S::kWaiting, E::kOfferUnfit}, S::kDropped},
      {{S::kPrepared, E::kState}, S::kOpening},      {{S::kOpening, E::kOpened}, S::kAdopting},
      {{S::kOpening, E::kOpenFailed}, S::kDropped},  {{S::kAdopting, E::kBatch}, S::kAdopting},
      {{S::kAdopting, E::kBatchUnfit}, S::kDropped}, {{S::kAdopting, E::kEndFits}, S::kTaken},
      {{S::kAdopting, E::kEndUnfit}, S::kDropped},
  };
  for (const S state : {S::kPrepared, S::kOpening}) {
    drawn[{state, E::kBatch}] = state;
    drawn[{state, E::kBatchUnfit}] = S::kDropped;
  }
  for (const S state : {S::kWaiting, S::kPrepared, S::kOpening, S::kAdopting}) {
    for (const E trouble : {E::kWithdraw, E::kPeerLost, E::kOverdue, E::kCancelled}) {
      drawn[{state, trouble}] = S::kDropped;
    }
  }

  expect_exactly(drawn, kTargetStates, kTargetEvents);
}

TEST(HandoffFsm, NothingLeadsOutOfAnEnd) {
  for (std::size_t e = 0; e < kSourceEvents; ++e) {
    EXPECT_FALSE(step(SourceState::kGone, static_cast<SourceEvent>(e)).has_value());
    EXPECT_FALSE(step(SourceState::kKept, static_cast<SourceEvent>(e)).has_value());
  }
}

// Walks every order in which the two can act, with messages that are under way and either one dying
// at any time: never do both serve, and while one lives it ends up served.
class World {
 public:
  void explore() { visit({}); }
  std::size_t seen() const { return seen_.size(); }

 private:
  enum class Word {
    kOffer,
    kBatch,
    kState,
    kEnd,
    kWithdraw,
    kAccepted,
    kCopied,
    kRefused,
    kOpened,
    kTaken,
    kWithdrawn
  };
  struct Moment {
    SourceState source = SourceState::kOffering;
    TargetState target = TargetState::kWaiting;
    bool source_lives = true;
    bool target_lives = true;
    bool source_heard_of_end = false;
    bool target_heard_of_end = false;
    int under_way = 0;
    std::vector<Word> to_target = {Word::kOffer};
    std::vector<Word> to_source;
    auto operator<=>(const Moment&) const = default;
  };

  void source_step(Moment now, SourceEvent event) {
    const Result<SourceState> next = step(now.source, event);
    if (next.has_error() || *next == now.source) {
      return;
    }
    now.source = *next;
    if (*next == SourceState::kCopying || *next == SourceState::kCatchingUp) {
      now.to_target.push_back(Word::kBatch);
      ++now.under_way;
    } else if (*next == SourceState::kOpening) {
      // What changes meanwhile is told also while the store opens.
      now.to_target.push_back(Word::kState);
      now.to_target.push_back(Word::kBatch);
      ++now.under_way;
    } else if (*next == SourceState::kFrozen) {
      now.to_target.push_back(Word::kEnd);
    } else if (*next == SourceState::kWithdrawing || *next == SourceState::kKept) {
      now.to_target.push_back(Word::kWithdraw);
    }
    visit(now);
  }

  void target_step(Moment now, TargetEvent event) {
    const Result<TargetState> next = step(now.target, event);
    if (next.has_error()) {
      return;
    }
    now.target = *next;
    const std::map<TargetEvent, Word> says = {{TargetEvent::kOfferFits, Word::kAccepted},
                                              {TargetEvent::kBatch, Word::kCopied},
                                              {TargetEvent::kOpened, Word::kOpened},
                                              {TargetEvent::kEndFits, Word::kTaken},
                                              {TargetEvent::kWithdraw, Word::kWithdrawn}};
    if (const auto word = says.find(event); word != says.end()) {
      now.to_source.push_back(word->second);
    } else if (*next == TargetState::kDropped) {
      now.to_source.push_back(Word::kRefused);
    }
    visit(now);
  }

  void visit(const Moment& now) {
    if (!seen_.insert(now).second || ::testing::Test::HasFailure()) {
      return;
    }
    const bool source_serves =
        now.source_lives &&
        (now.source == SourceState::kKept || now.source == SourceState::kOffering ||
         now.source == SourceState::kCopying || now.source == SourceState::kQuiescing);
    const bool target_serves = now.target_lives && now.target == TargetState::kTaken;
    ASSERT_FALSE(source_serves && target_serves)
        << name_of(now.source) << " and " << name_of(now.target);
    // What the source holds after the other one took it may never be served again.
    ASSERT_FALSE(now.target == TargetState::kTaken && now.source == SourceState::kKept);
    if (now.source_lives) {
      act_as_source(now);
    }
    if (now.target_lives) {
      act_as_target(now);
    }
    if (now.source_lives && !is_over(now.source)) {
      Moment next = now;
      next.source_lives = false;
      visit(next);
    }
    if (now.target_lives && now.target != TargetState::kDropped) {
      Moment next = now;
      next.target_lives = false;
      visit(next);
    }
  }

  void act_as_source(const Moment& now) {
    for (const SourceEvent own : {SourceEvent::kOverdue, SourceEvent::kCancelled}) {
      source_step(now, own);
    }
    if (now.source == SourceState::kQuiescing) {
      source_step(now, SourceEvent::kQuiet);
    }
    if (now.source == SourceState::kCopying && now.under_way == 0) {
      source_step(now, SourceEvent::kEnough);
    }
    if (now.source == SourceState::kCatchingUp && now.under_way == 0) {
      source_step(now, SourceEvent::kCaughtUp);
    }
    if (now.source == SourceState::kReleasing || now.source == SourceState::kReverting) {
      source_step(now, SourceEvent::kReleased);
      source_step(now, SourceEvent::kReleaseFailed);
    }
    if (!now.to_source.empty()) {
      const std::map<Word, SourceEvent> means = {{Word::kAccepted, SourceEvent::kAccepted},
                                                 {Word::kRefused, SourceEvent::kRefused},
                                                 {Word::kOpened, SourceEvent::kOpened},
                                                 {Word::kTaken, SourceEvent::kTaken},
                                                 {Word::kWithdrawn, SourceEvent::kWithdrawn}};
      Moment next = now;
      const Word word = next.to_source.front();
      next.to_source.erase(next.to_source.begin());
      if (word == Word::kCopied) {
        --next.under_way;
        return visit(next);
      }
      if (step(now.source, means.at(word)).has_error()) {
        visit(next);  // too late: it has ended already
      }
      source_step(next, means.at(word));
    } else if (!now.target_lives && !now.source_heard_of_end) {
      Moment next = now;
      next.source_heard_of_end = true;
      source_step(next, SourceEvent::kPeerLost);
    }
  }

  void act_as_target(const Moment& now) {
    for (const TargetEvent own : {TargetEvent::kOverdue, TargetEvent::kCancelled}) {
      target_step(now, own);
    }
    if (now.target == TargetState::kOpening) {
      target_step(now, TargetEvent::kOpened);
      target_step(now, TargetEvent::kOpenFailed);
    }
    if (!now.to_target.empty()) {
      const std::map<Word, TargetEvent> means = {{Word::kOffer, TargetEvent::kOfferFits},
                                                 {Word::kBatch, TargetEvent::kBatch},
                                                 {Word::kState, TargetEvent::kState},
                                                 {Word::kEnd, TargetEvent::kEndFits},
                                                 {Word::kWithdraw, TargetEvent::kWithdraw}};
      Moment next = now;
      const Word word = next.to_target.front();
      next.to_target.erase(next.to_target.begin());
      if (step(now.target, means.at(word)).has_error()) {
        visit(next);
      }
      target_step(next, means.at(word));
    } else if (!now.source_lives && !now.target_heard_of_end) {
      Moment next = now;
      next.target_heard_of_end = true;
      target_step(next, TargetEvent::kPeerLost);
    }
  }

  std::set<Moment> seen_;
};

TEST(HandoffFsm, NeverDoBothServeWhateverHappensWhen) {
  World world;

  world.explore();

  EXPECT_GT(world.seen(), 100U);
}

}  // namespace
}  // namespace voicectl::handoff
