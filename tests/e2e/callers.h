// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {

/// A platform with a tenant "busy", and callers who check every number in both directions.
class CallersE2e : public ::testing::Test {
 protected:
  CallersE2e() = default;
  /// On a platform of so many ports.
  explicit CallersE2e(int ports) : platform(ports) {}

  void SetUp() override {
    platform.write_file(busy_tenant());
    platform.up();
    key = platform.key_file("busy");
  }

  static std::string busy_tenant() {
    return Platform::small_restaurant(
        "busy",
        ", limits: { concurrent_sessions: 100000, api_requests: 1000000, "
        "api_requests_per_key: 1000000 }");
  }
  std::vector<std::string> load(std::size_t connections, double seconds, double pings) const {
    return {Platform::bin("voicectl-handover-load"),
            "--port",
            std::to_string(platform.http_port()),
            "--host",
            "busy.qastco.com",
            "--key-file",
            key,
            "--connections",
            std::to_string(connections),
            "--seconds",
            fmt::format("{}", seconds),
            "--pings",
            fmt::format("{}", pings),
            "--sessions",
            "20"};
  }
  void expect_ok(std::vector<std::string> words) const {
    const Finished finished = platform.voicectl(std::move(words));
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  }
  /// A daemon that was killed may still be carrying out what it had begun.
  void promote() const {
    expect_ok({"tenant", "promote", "busy", "--yes", "--lock-timeout", "60s"});
  }
  void demote() const { expect_ok({"tenant", "demote", "busy", "--yes", "--lock-timeout", "60s"}); }

  /// Nobody noticed anything.
  static void expect_whole(const Finished& finished, std::size_t connections) {
    ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
    const json seen = json::parse(finished.out, nullptr, false);
    ASSERT_TRUE(seen.is_object()) << finished.out;
    SCOPED_TRACE(seen.dump());
    EXPECT_TRUE(seen.value("ready", false));
    EXPECT_EQ(seen.value("open_at_end", 0U), connections);
    for (const char* none : {"ended", "lost", "doubled", "reordered", "pongs_missing", "failed"}) {
      EXPECT_EQ(seen.value(none, 1U), 0U) << none;
    }
    EXPECT_GT(seen.value("requests", 0U), 0U);
    EXPECT_GT(seen.value("last_seq_least", 0U), 0U);
    EXPECT_EQ(seen.value("last_seq_least", 0U), seen.value("last_seq_most", 1U));
    ::testing::Test::RecordProperty("pause_max_us", seen.value("pause_max_us", 0));
    ::testing::Test::RecordProperty("ping_p99_us", seen.value("ping_p99_us", 0));
  }

  Platform platform;
  std::string key;
};

}  // namespace voicectl::e2e
