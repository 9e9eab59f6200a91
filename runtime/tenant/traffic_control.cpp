// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/traffic_control.h"

#include "runtime/tenant/auth.h"

namespace voicectl::runtime {
namespace {

/// A request that is being answered takes some milliseconds, seldom more than a second.
constexpr Duration kInFlightWait = std::chrono::seconds(1);

Rate rate_of(std::uint32_t count) {
  return {count, kRateWindow};
}

}  // namespace

std::string_view name_of(Traffic traffic) {
  switch (traffic) {
    case Traffic::kApi:
      return "api";
    case Traffic::kWebhook:
      return "webhook";
  }
  return "api";
}

std::string_view name_of(BusyReason reason) {
  switch (reason) {
    case BusyReason::kTenant:
      return "tenant";
    case BusyReason::kKey:
      return "key";
    case BusyReason::kStranger:
      return "stranger";
    case BusyReason::kInFlight:
      return "in_flight";
    case BusyReason::kForgery:
      return "forgery";
    case BusyReason::kSockets:
      return "websockets";
  }
  return "tenant";
}

std::optional<Busy> TrafficControl::admit(const TrafficLimits& limits,
                                          Traffic traffic,
                                          std::string_view key,
                                          std::size_t in_flight,
                                          MonoTime now) {
  if (in_flight >= limits.in_flight) {
    return Busy{BusyReason::kInFlight, kInFlightWait};
  }
  const bool is_api = traffic == Traffic::kApi;
  TokenBucket& all = is_api ? api_ : webhooks_;
  const Rate rate = rate_of(is_api ? limits.api_requests : limits.webhooks);
  if (const auto wait = all.wait(rate, now)) {
    return Busy{BusyReason::kTenant, *wait};
  }
  if (is_api) {
    auto own = keys_.find(key);
    if (own == keys_.end()) {
      own = keys_.emplace(key, TokenBucket()).first;
    }
    const Rate own_rate = rate_of(limits.api_requests_per_key);
    if (const auto wait = own->second.wait(own_rate, now)) {
      return Busy{BusyReason::kKey, *wait};
    }
    own->second.take(own_rate, now);
  }
  all.take(rate, now);
  return std::nullopt;
}

std::optional<Busy> TrafficControl::admit_stranger(const TrafficLimits& limits, MonoTime now) {
  const Rate rate = rate_of(limits.api_requests_per_key);
  if (const auto wait = strangers_.wait(rate, now)) {
    return Busy{BusyReason::kStranger, *wait};
  }
  strangers_.take(rate, now);
  return std::nullopt;
}

void TrafficControl::keep_only(const std::vector<ApiKey>& keys) {
  std::erase_if(keys_, [&](const auto& entry) {
    return !entry.first.empty() && find_key_by_id(keys, entry.first) == nullptr;
  });
}

TrafficControl::Shares TrafficControl::shares() const {
  Shares shares{api_.full_at(), webhooks_.full_at(), strangers_.full_at(), {}};
  for (const auto& [key, bucket] : keys_) {
    shares.keys.emplace(key, bucket.full_at());
  }
  return shares;
}

void TrafficControl::go_on_with(const Shares& shares) {
  api_ = TokenBucket(shares.api);
  webhooks_ = TokenBucket(shares.webhooks);
  strangers_ = TokenBucket(shares.strangers);
  keys_.clear();
  for (const auto& [key, full_at] : shares.keys) {
    keys_.emplace(key, TokenBucket(full_at));
  }
}

}  // namespace voicectl::runtime
