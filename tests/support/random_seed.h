// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "base/random.h"

namespace voicectl {

/// The generator of one property test. The seed is fixed per test, differs between tests, and
/// stands in the test's report.
inline SeededRandom make_test_random(std::uint64_t salt = 0) {
  const ::testing::TestInfo* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::uint64_t seed = 1469598103934665603ULL ^ salt;
  for (const char* c = info == nullptr ? "" : info->name(); *c != '\0'; ++c) {
    seed = (seed ^ static_cast<unsigned char>(*c)) * 1099511628211ULL;
  }
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return SeededRandom(seed);
}

}  // namespace voicectl
