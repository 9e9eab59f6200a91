// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/forgery_guard.h"

#include <gtest/gtest.h>

namespace voicectl::runtime {
namespace {

class ForgeryGuardTest : public ::testing::Test {
 protected:
  /// Sends wrong signatures until one is turned away; answers how many cost a computation.
  int flood(const std::string& source, int most = 1000) {
    int computed = 0;
    while (computed < most && !guard_.wait(source, now_)) {
      guard_.note_wrong(source, now_);
      ++computed;
    }
    return computed;
  }

  ForgeryGuard guard_;
  MonoTime now_{std::chrono::hours(1)};
};

TEST_F(ForgeryGuardTest, TurnsASourceAwayThatSentTooManyWrongSignatures) {
  EXPECT_EQ(flood("203.0.113.7"), 20);

  const auto wait = guard_.wait("203.0.113.7", now_);
  ASSERT_TRUE(wait.has_value());
  EXPECT_LE(*wait, Duration(std::chrono::seconds(10)));
  now_ += *wait;
  EXPECT_FALSE(guard_.wait("203.0.113.7", now_).has_value());
}

TEST_F(ForgeryGuardTest, BoundsManySourcesTogether) {
  int computed = 0;
  for (int i = 0; i < 1000; ++i) {
    computed += flood("198.51.100." + std::to_string(i));
  }

  EXPECT_EQ(computed, 200);
}

TEST_F(ForgeryGuardTest, AFloodDoesNotTouchASourceThatSentARightOne) {
  guard_.note_right("192.0.2.1", now_);
  for (int i = 0; i < 1000; ++i) {
    flood("198.51.100." + std::to_string(i));
  }

  EXPECT_FALSE(guard_.wait("192.0.2.1", now_).has_value());
  EXPECT_TRUE(guard_.wait("192.0.2.2", now_).has_value());
}

TEST_F(ForgeryGuardTest, ARightSignatureIsNoLicenceForWrongOnes) {
  guard_.note_right("192.0.2.1", now_);

  EXPECT_EQ(flood("192.0.2.1"), 20);
}

TEST_F(ForgeryGuardTest, WrongOnesOfAProvenSourceAreNotHeldAgainstStrangers) {
  guard_.note_right("192.0.2.1", now_);
  flood("192.0.2.1");

  EXPECT_EQ(flood("198.51.100.1"), 20);
}

TEST_F(ForgeryGuardTest, AProofWearsOff) {
  guard_.note_right("192.0.2.1", now_);
  now_ += ForgeryGuard::kProven;
  for (int i = 0; i < 20; ++i) {
    flood("198.51.100." + std::to_string(i));
  }

  EXPECT_TRUE(guard_.wait("192.0.2.1", now_).has_value());
}

TEST_F(ForgeryGuardTest, RemembersABoundedNumberOfSourcesAndTheProvenLongest) {
  guard_.note_right("192.0.2.1", now_);
  for (int i = 0; i < 10'000; ++i) {
    guard_.note_wrong("source-" + std::to_string(i), now_);
  }

  EXPECT_LE(guard_.sources(), ForgeryGuard::kMostSources);
  EXPECT_FALSE(guard_.wait("192.0.2.1", now_).has_value());
  for (int i = 0; i < 10'000; ++i) {
    guard_.note_right(std::string(100, 'x') + std::to_string(i), now_);
    guard_.note_right("proven-" + std::to_string(i), now_);
  }
  EXPECT_LE(guard_.sources(), ForgeryGuard::kMostSources);
}

}  // namespace
}  // namespace voicectl::runtime
