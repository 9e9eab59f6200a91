// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace voicectl::e2e {

/// Whatever is counted of a plan came out on the machine as the forecast had it; times, memory and
/// processor time are estimates, and `but` names what depends on when it was sampled.
inline void expect_counts_as_forecast(const nlohmann::json& forecast,
                                      std::set<std::string> but = {}) {
  but.merge(std::set<std::string>{"longest_pause_us", "duration_us", "memory_bytes", "cpu_milli"});
  ASSERT_TRUE(forecast.is_object() && forecast["outcome"].is_object()) << forecast.dump();
  SCOPED_TRACE(forecast.dump());
  std::size_t compared = 0;
  for (const auto& [quantity, expected] : forecast["forecast"].items()) {
    if (!but.contains(quantity)) {
      EXPECT_EQ(forecast["outcome"].value(quantity, nlohmann::json()), expected) << quantity;
      ++compared;
    }
  }
  EXPECT_GT(compared, 4U);
}

}  // namespace voicectl::e2e
