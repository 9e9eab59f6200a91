// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/stats_page.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/latency_histogram.h"
#include "base/os/fd_channel.h"
#include "runtime/control/protocol.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

/// A latency or a lag with something in each bucket.
Json full_histogram() {
  Json out = Json::array();
  for (std::size_t bucket = 0; bucket < LatencyHistogram::kBuckets; ++bucket) {
    out.push_back(bucket);
    out.push_back(std::numeric_limits<std::uint32_t>::max());
  }
  return out;
}

/// As much as can be said of a tenant.
Json longest(const std::string& tenant) {
  Json out = {{"tenant", tenant}, {"latency", full_histogram()}};
  for (const char* key :
       {"sessions", "connections", "websockets", "requests_total", "tool_calls_total", "received",
        "sent", "events_total", "cpu_us", "in_flight", "memory"}) {
    out[key] = std::numeric_limits<std::uint64_t>::max();
  }
  return out;
}

TEST(StatsPageTest, HoldsNoMoreThanAMessage) {
  const Json lag = full_histogram();
  for (const bool is_long : {false, true}) {
    StatsPage page;
    std::size_t tenants = 0;
    while (!page.is_full()) {
      const std::string name = fmt::format("{:0>63}", ++tenants);
      page.add(name, is_long ? longest(name) : Json{{"tenant", name}});
    }
    page.lead_on();

    const std::string body = page.finish({{"loop_lag", lag}});

    const Result<Json> read = parse_json(body);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->at("tenants").size(), tenants);
    EXPECT_EQ(read->at("next"), fmt::format("{:0>63}", tenants));
    EXPECT_EQ(read->at("loop_lag"), lag);
    EXPECT_LE(control::encode({"ok", std::nullopt, 1, body}).size(), kMaxChannelMessage);
  }
}

TEST(StatsPageTest, SaysNothingOfANextOneWhenItIsTheLast) {
  StatsPage page;
  EXPECT_EQ(page.finish(Json::object()), R"({"tenants":[]})");

  page.add("acme", {{"tenant", "acme"}});
  page.add("beta", {{"tenant", "beta"}});

  EXPECT_EQ(page.finish(Json::object()), R"({"tenants":[{"tenant":"acme"},{"tenant":"beta"}]})");
}

}  // namespace
}  // namespace voicectl::runtime
