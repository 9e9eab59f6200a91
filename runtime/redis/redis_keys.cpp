// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_keys.h"

#include <fmt/core.h>

namespace voicectl::runtime {
namespace {

constexpr SessionStatus kStatuses[] = {SessionStatus::kInitializing, SessionStatus::kReady,
                                       SessionStatus::kActive, SessionStatus::kCompleted,
                                       SessionStatus::kFailed};

std::string in_key(const TenantId& tenant, RedisKeyStyle style) {
  switch (style) {
    case RedisKeyStyle::kPlain:
      return tenant.str();
    case RedisKeyStyle::kOneHashSlot:
      return "{" + tenant.str() + "}";
  }
  return tenant.str();
}

}  // namespace

RedisKeys::RedisKeys(const TenantId& tenant, RedisKeyStyle style)
    : business_("business:" + in_key(tenant, style) + ":"),
      usage_("usage:" + in_key(tenant, style) + ":") {}

std::string RedisKeys::sessions_with(SessionStatus status) const {
  return own("sessions:" + std::string(name_of(status)));
}

std::string RedisKeys::outbox_with(OutboxEntry::State state) const {
  return own("outbox:" + std::string(name_of(state)));
}

std::string RedisKeys::requests(std::int64_t minute) const {
  return own("requests:" + std::to_string(minute));
}

std::string RedisKeys::usage(std::string_view month) const {
  return usage_ + std::string(month);
}

std::string RedisKeys::usage_count(std::string_view month) const {
  return usage(month) + ":count";
}

std::vector<RedisFixedKey> RedisKeys::fixed() const {
  std::vector<RedisFixedKey> keys = {{fence(), "string"},
                                     {owner(), "string"},
                                     {sessions(), "hash"},
                                     {sessions_by_time(), "zset"},
                                     {sessions_by_end(), "zset"},
                                     {calls(), "hash"},
                                     {events(), "stream"},
                                     {records(), "hash"},
                                     {records_by_time(), "zset"},
                                     {records_by_external_id(), "hash"},
                                     {bookings(), "zset"},
                                     {inbox(), "hash"},
                                     {inbox_by_time(), "zset"},
                                     {outbox(), "hash"},
                                     {outbox_with(OutboxEntry::State::kPending), "zset"},
                                     {outbox_with(OutboxEntry::State::kDead), "zset"},
                                     {outbox_last(), "string"},
                                     {customers(), "hash"},
                                     {usage_months(), "set"}};
  for (const SessionStatus status : kStatuses) {
    keys.push_back({sessions_with(status), "zset"});
  }
  return keys;
}

std::string usage_month(WallTime at) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  return fmt::format("{:04}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()));
}

}  // namespace voicectl::runtime
