// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/traffic_control.h"

#include <gmock/gmock.h>

#include "runtime/tenant/origins.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

constexpr MonoTime kStart{std::chrono::hours(100)};
constexpr TrafficLimits kLimits{
    .api_requests = 10, .api_requests_per_key = 6, .webhooks = 4, .in_flight = 3};

class TrafficControlTest : public ::testing::Test {
 protected:
  std::optional<BusyReason> ask(Traffic traffic, std::string_view key, MonoTime now = kStart) {
    const auto busy = control_.admit(kLimits, traffic, key, 0, now);
    return busy ? std::optional(busy->reason) : std::nullopt;
  }
  int admitted(Traffic traffic, std::string_view key, int asked, MonoTime now = kStart) {
    int count = 0;
    for (int i = 0; i < asked; ++i) {
      count += ask(traffic, key, now) ? 0 : 1;
    }
    return count;
  }

  TrafficControl control_;
};

TEST_F(TrafficControlTest, OneKeyCannotUseUpTheTenantsShare) {
  EXPECT_EQ(admitted(Traffic::kApi, "a", 100), 6);

  EXPECT_EQ(ask(Traffic::kApi, "a"), BusyReason::kKey);
  EXPECT_EQ(admitted(Traffic::kApi, "b", 100), 4);
  EXPECT_EQ(ask(Traffic::kApi, "b"), BusyReason::kTenant);
}

TEST_F(TrafficControlTest, ARefusedRequestCostsNoShare) {
  admitted(Traffic::kApi, "a", 100);
  admitted(Traffic::kApi, "b", 100);

  // One token of ten in ten seconds comes each second, whatever was refused meanwhile.
  EXPECT_EQ(admitted(Traffic::kApi, "b", 100, kStart + 1s), 1);
}

TEST_F(TrafficControlTest, AnotherProcessGoesOnWithTheSharesThatAreLeft) {
  admitted(Traffic::kApi, "a", 4);
  const TrafficControl::Shares left = control_.shares();
  control_ = TrafficControl();
  ASSERT_EQ(admitted(Traffic::kApi, "a", 100), 6);

  control_.go_on_with(left);

  EXPECT_EQ(control_.shares(), left);
  EXPECT_EQ(admitted(Traffic::kApi, "a", 100), 2);
  EXPECT_EQ(admitted(Traffic::kApi, "b", 100), 4);
}

TEST_F(TrafficControlTest, WebhooksHaveAShareOfTheirOwn) {
  admitted(Traffic::kApi, "a", 100);
  admitted(Traffic::kApi, "b", 100);

  EXPECT_EQ(admitted(Traffic::kWebhook, "", 100), 4);
  EXPECT_EQ(ask(Traffic::kWebhook, ""), BusyReason::kTenant);
}

TEST_F(TrafficControlTest, StrangersUseUpNobodysShareButTheirOwn) {
  int let_in = 0;
  for (int i = 0; i < 100; ++i) {
    let_in += control_.admit_stranger(kLimits, kStart) ? 0 : 1;
  }

  EXPECT_EQ(let_in, 6);
  EXPECT_EQ(admitted(Traffic::kApi, "a", 100), 6);
}

TEST_F(TrafficControlTest, OnlySoManyAreAnsweredAtATime) {
  EXPECT_EQ(control_.admit(kLimits, Traffic::kApi, "a", 2, kStart), std::nullopt);
  const auto busy = control_.admit(kLimits, Traffic::kApi, "a", 3, kStart);

  ASSERT_TRUE(busy.has_value());
  EXPECT_EQ(busy->reason, BusyReason::kInFlight);
  EXPECT_GT(busy->wait, 0s);
}

TEST_F(TrafficControlTest, WhatAKeyUsedIsForgottenWithTheKeyOnly) {
  EXPECT_EQ(admitted(Traffic::kApi, "gone", 100), 6);
  EXPECT_EQ(admitted(Traffic::kApi, "kept", 1), 1);

  control_.keep_only({{"kept", "", KeyScope::kStaff}});

  EXPECT_EQ(admitted(Traffic::kApi, "gone", 1), 1);
  EXPECT_EQ(admitted(Traffic::kApi, "kept", 100, kStart + 1s), 3);
}

TEST(TrafficLimitsTest, FollowFromTheSessionsAtOnce) {
  EXPECT_EQ(default_traffic(1), TrafficLimits{});
  EXPECT_EQ(default_traffic(50), TrafficLimits{});
  EXPECT_EQ(default_traffic(1000), (TrafficLimits{20'000, 10'000, 2000, 2000, 4000}));
}

class OriginsTest : public ::testing::Test {
 protected:
  OriginsTest() {
    config_.base_url = "https://acme.qastco.com:8443";
    config_.domains = {"orders.example.com"};
    config_.allowed_origins = {"https://shop.example.org", "http://localhost:3000"};
  }
  TenantConfig config_{*TenantId::parse("acme")};
};

TEST_F(OriginsTest, AreItsOwnHostsAndWhatIsAllowed) {
  for (const char* origin :
       {"https://acme.qastco.com", "https://acme.qastco.com:8443", "http://acme.qastco.com:8080",
        "https://orders.example.com", "https://shop.example.org", "http://localhost:3000"}) {
    EXPECT_TRUE(is_allowed_origin(config_, origin)) << origin;
  }
}

TEST_F(OriginsTest, AreNothingElse) {
  for (const char* origin :
       {"", "null", "https://", "https://other.qastco.com", "https://acme.qastco.com.evil.example",
        "https://evil-acme.qastco.com", "https://acme.qastco.com@evil.example",
        "https://acme.qastco.com/", "https://acme.qastco.com:", "https://acme.qastco.com:84x",
        "https://ACME.qastco.com", "file://acme.qastco.com", "http://shop.example.org",
        "https://shop.example.org:444", "http://localhost", "https://acme.qastco.com\r\nX: y"}) {
    EXPECT_FALSE(is_allowed_origin(config_, origin)) << origin;
  }
}

}  // namespace
}  // namespace voicectl::runtime
