// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_keys.h"

#include <fmt/core.h>

#include <utility>

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
      usage_("usage:" + in_key(tenant, style) + ":") {
  Names names{own("fence"),
              own("owner"),
              own("sessions"),
              own("sessions:by_time"),
              own("sessions:by_end"),
              own("calls"),
              own("events"),
              own("records"),
              own("records:by_time"),
              own("records:external"),
              own("records:bookings"),
              own("inbox"),
              own("inbox:by_time"),
              own("outbox"),
              own("outbox:last"),
              own("customers"),
              usage_ + "months",
              {},
              {}};
  for (const SessionStatus status : kStatuses) {
    names.sessions_with.at(static_cast<std::size_t>(status)) = own("sessions:", name_of(status));
  }
  for (const auto state : {OutboxEntry::State::kPending, OutboxEntry::State::kDead}) {
    names.outbox_with.at(static_cast<std::size_t>(state)) = own("outbox:", name_of(state));
  }
  names_ = std::make_shared<const Names>(std::move(names));
}

std::string RedisKeys::own(std::string_view what, std::string_view which) const {
  std::string key;
  key.reserve(business_.size() + what.size() + which.size());
  return key.append(business_).append(what).append(which);
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
