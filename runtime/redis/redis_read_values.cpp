// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_read_values.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "runtime/redis/redis_keys.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kLivingLists = 3;

template <typename T>
Result<std::optional<T>> optional_of(const RedisReply& reply,
                                     Result<T> (*parse)(std::string_view)) {
  if (reply.is_nil()) {
    return std::optional<T>();
  }
  VC_TRY(T value, parse(reply.text));
  return std::optional<T>(std::move(value));
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);  // stays 0
  return number;
}

/// One record per session: what is over as it ended, what lives as it is now.
std::map<std::string, UsageRecord> by_session(const std::vector<UsageRecord>& over,
                                              const std::vector<Session>& living) {
  std::map<std::string, UsageRecord> records;
  for (const UsageRecord& record : over) {
    records.insert_or_assign(record.session, record);
  }
  for (const Session& session : living) {
    records.insert_or_assign(session.session.str(), usage_record(session));
  }
  return records;
}

}  // namespace

template <>
Result<std::optional<Session>> value_of(const RedisReply& reply) {
  return optional_of<Session>(reply, session_of_stored_text);
}

template <>
Result<std::optional<OutboxEntry>> value_of(const RedisReply& reply) {
  return optional_of<OutboxEntry>(reply, outbox_entry_of);
}

template <>
Result<std::optional<KeptRecord>> value_of(const RedisReply& reply) {
  return optional_of<KeptRecord>(reply, kept_record_of);
}

template <>
Result<std::optional<Customer>> value_of(const RedisReply& reply) {
  return optional_of<Customer>(reply, customer_of);
}

std::vector<std::string> texts_of(const RedisReply& list) {
  std::vector<std::string> texts;
  for (const RedisReply& element : list.elements) {
    texts.push_back(element.text);
  }
  return texts;
}

ScoreRange range_of(const SessionQuery& query, const std::optional<PagePlace>& place) {
  ScoreRange range{"(0", "+inf", "-inf"};
  if (query.created_after) {
    range.least = redis_time(*query.created_after);
  }
  if (query.created_before) {
    range.below = "(" + redis_time(*query.created_before);
  }
  if (place && (!query.created_before || place->at < *query.created_before)) {
    const std::string at = redis_time(place->at);
    range.below = "(" + at;
    range.same_time = query.created_after && place->at < *query.created_after ? "(0" : at;
  }
  return range;
}

std::vector<std::string> ids_behind(const std::vector<RedisReply>& lists,
                                    const std::optional<PagePlace>& place) {
  std::vector<std::string> ids;
  if (place) {
    for (const RedisReply& same_time : lists[0].elements) {
      if (same_time.text < place->id) {
        ids.push_back(same_time.text);
      }
    }
  }
  for (const RedisReply& before : lists[1].elements) {
    ids.push_back(before.text);
  }
  return ids;
}

std::vector<std::string> lowest_numbers(const std::vector<RedisReply>& lists, std::uint32_t limit) {
  std::vector<std::string> numbers;
  for (const RedisReply& list : lists) {
    for (const RedisReply& number : list.elements) {
      numbers.push_back(number.text);
    }
  }
  std::sort(numbers.begin(), numbers.end(),
            [](const std::string& a, const std::string& b) { return number_of(a) < number_of(b); });
  numbers.resize(std::min<std::size_t>(numbers.size(), limit));
  return numbers;
}

Result<std::vector<SessionEvent>> events_of_list(const RedisReply& entries, std::uint32_t limit) {
  std::vector<SessionEvent> events;
  for (const RedisReply& entry : entries.elements) {
    if (events.size() < limit) {
      VC_TRY(SessionEvent event, event_of(entry));
      events.push_back(std::move(event));
    }
  }
  return events;
}

Result<std::vector<SessionEvent>> events_of_each(const std::vector<RedisReply>& replies) {
  std::vector<SessionEvent> events;
  for (std::size_t i = 1; i < replies.size(); ++i) {
    if (replies[i].elements.empty()) {
      continue;  // it was old: the list of its session goes later
    }
    VC_TRY(SessionEvent event, event_of(replies[i].elements.front()));
    events.push_back(std::move(event));
  }
  return events;
}

Result<std::optional<KeptRecord>> record_named(const RedisReply& reply,
                                               const std::string& external_id) {
  VC_TRY(std::optional<KeptRecord> found, value_of<KeptRecord>(reply));
  const bool is_it = found && found->record.external_id == external_id;
  return is_it ? std::move(found) : std::optional<KeptRecord>();
}

std::vector<std::string> living_of(const std::vector<RedisReply>& replies) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kLivingLists; ++i) {
    for (const RedisReply& name : replies[i].elements) {
      names.push_back(name.text);
    }
  }
  return names;
}

Result<std::vector<UsageRecord>> usage_records_of(const std::vector<RedisReply>& replies) {
  std::vector<UsageRecord> records;
  for (std::size_t i = kLivingLists; i < replies.size(); ++i) {
    for (const RedisReply& text : replies[i].elements) {
      VC_TRY(UsageRecord record, usage_record_of(text.text));
      records.push_back(std::move(record));
    }
  }
  return records;
}

std::vector<std::string> months_between(const RedisReply& months, WallTime from, WallTime to) {
  const std::string first = usage_month(from);
  const std::string last = usage_month(to);
  std::vector<std::string> between;
  for (const RedisReply& month : months.elements) {
    if (month.text >= first && month.text <= last) {
      between.push_back(month.text);
    }
  }
  return between;
}

UsageTotal usage_total(const std::vector<UsageRecord>& over,
                       const std::vector<Session>& living,
                       WallTime within) {
  UsageTotal total;
  for (const auto& [name, record] : by_session(over, living)) {
    const bool counts = record.status != SessionStatus::kFailed &&
                        record.created_at >= month_start(within) &&
                        record.created_at < month_end(within);
    if (counts) {
      ++total.sessions;
      total.duration += record.duration;
      total.billed_duration += record.billed_duration;
      total.tool_calls += record.tool_calls;
    }
  }
  return total;
}

Analytics analytics_of(const std::vector<UsageRecord>& over,
                       const std::vector<Session>& living,
                       WallTime from,
                       WallTime to) {
  Analytics analytics;
  for (const auto& [name, record] : by_session(over, living)) {
    if (record.created_at >= from && record.created_at < to) {
      ++analytics.sessions;
      ++analytics.by_status[std::string(name_of(record.status))];
      ++analytics.by_outcome[record.outcome];
      analytics.duration += record.duration;
      analytics.tool_calls += record.tool_calls;
    }
  }
  return analytics;
}

}  // namespace voicectl::runtime
