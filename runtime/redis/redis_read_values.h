// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/redis/redis_reply.h"
#include "runtime/redis/redis_values.h"
#include "runtime/session/session_store.h"

/// What a RedisStore's reads make of replies. No I/O. All results are ERRORS: kCorrupt.
namespace voicectl::runtime {

/// A value of a hash; nullopt for nil.
template <typename T>
Result<std::optional<T>> value_of(const RedisReply& reply);
template <>
Result<std::optional<Session>> value_of(const RedisReply& reply);
template <>
Result<std::optional<OutboxEntry>> value_of(const RedisReply& reply);
template <>
Result<std::optional<KeptRecord>> value_of(const RedisReply& reply);
template <>
Result<std::optional<Customer>> value_of(const RedisReply& reply);

/// All of a list that are there.
template <typename T>
Result<std::vector<T>> values_of(const RedisReply& list) {
  std::vector<T> values;
  values.reserve(list.elements.size());
  for (const RedisReply& element : list.elements) {
    VC_TRY(std::optional<T> value, value_of<T>(element));
    if (value) {
      values.push_back(std::move(*value));
    }
  }
  return values;
}

std::vector<std::string> texts_of(const RedisReply& list);

/// Scores between which a page lies: those equal to `same_time`, and those from `below` down to
/// `least`. "(1" and the like when there can be none.
struct ScoreRange {
  std::string same_time;
  std::string below;
  std::string least;
};
ScoreRange range_of(const SessionQuery& query, const std::optional<PagePlace>& place);
/// Names out of two lists, newest first: those of the place's own millisecond, and those before.
/// The ones that are not behind the place are left out; the first list counts only if there is one.
std::vector<std::string> ids_behind(const std::vector<RedisReply>& lists,
                                    const std::optional<PagePlace>& place);

/// The first `limit` of several lists of numbers, in their order.
std::vector<std::string> lowest_numbers(const std::vector<RedisReply>& lists, std::uint32_t limit);

/// Events of one list of entries, at most `limit`; of many lists of one entry, behind a PING.
Result<std::vector<SessionEvent>> events_of_list(const RedisReply& entries, std::uint32_t limit);
Result<std::vector<SessionEvent>> events_of_each(const std::vector<RedisReply>& replies);

/// The record, if `external_id` is still what it is called elsewhere.
Result<std::optional<KeptRecord>> record_named(const RedisReply& reply,
                                               const std::string& external_id);

/// Of replies of three lists of living sessions and any number of lists of usage records.
std::vector<std::string> living_of(const std::vector<RedisReply>& replies);
Result<std::vector<UsageRecord>> usage_records_of(const std::vector<RedisReply>& replies);

/// Months of a set that have a moment at or after `from` and before `to`.
std::vector<std::string> months_between(const RedisReply& months, WallTime from, WallTime to);

UsageTotal usage_total(const std::vector<UsageRecord>& over,
                       const std::vector<Session>& living,
                       WallTime within);
Analytics analytics_of(const std::vector<UsageRecord>& over,
                       const std::vector<Session>& living,
                       WallTime from,
                       WallTime to);

}  // namespace voicectl::runtime
