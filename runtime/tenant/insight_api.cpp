// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/insight_api.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

using std::chrono::days;

constexpr std::uint32_t kMaxRecords = 200;

std::string month_name(WallTime within) {
  const std::chrono::year_month_day date(std::chrono::floor<days>(within));
  return fmt::format("{:04}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()));
}

std::string parameter_or(const HttpRequest& request, const std::string& key, std::string other) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::move(other) : found->second;
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

Result<RecordQuery> parse_record_query(const HttpRequest& request) {
  RecordQuery query;
  if (const std::string kind = parameter_or(request, "kind", ""); !kind.empty()) {
    query.kind = record_kind_named(kind);
    if (!query.kind) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot list records: '{}' is no kind; allowed are order, "
                               "appointment and ticket",
                               kind));
    }
  }
  const std::string limit = parameter_or(request, "limit", "50");
  query.limit = whole_number<std::uint32_t>(limit).value_or(0);
  if (query.limit < 1 || query.limit > kMaxRecords) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot list records: 'limit' must be 1 to {}", kMaxRecords));
  }
  query.after = parameter_or(request, "after", "");
  return query;
}

std::string render_usage(const UsageTotal& usage, const TenantConfig& config, WallTime month) {
  const auto& included = config.limits.per_month;
  const std::uint64_t over =
      included && usage.sessions > *included ? usage.sessions - *included : 0;
  return dump_json(Json{{"tenant", config.tenant.str()},
                        {"month", month_name(month)},
                        {"sessions", usage.sessions},
                        {"sessions_included", included ? Json(*included) : Json(nullptr)},
                        {"sessions_over", over},
                        {"duration", usage.duration.count()},
                        {"billed_duration", usage.billed_duration.count()},
                        {"tool_calls", usage.tool_calls}});
}

std::uint64_t count_of(const std::map<std::string, std::uint64_t>& counts, std::string_view key) {
  const auto found = counts.find(std::string(key));
  return found == counts.end() ? 0 : found->second;
}

std::string render_analytics(const Analytics& analytics,
                             const std::string& name,
                             const Period& period) {
  const std::uint64_t completed = count_of(analytics.by_status, name_of(SessionStatus::kCompleted));
  const std::uint64_t failed = count_of(analytics.by_status, name_of(SessionStatus::kFailed));
  const std::uint64_t ended = completed + failed;
  Json outcomes = Json::object();
  for (const auto& [outcome, sessions] : analytics.by_outcome) {
    outcomes[outcome.empty() ? "none" : outcome] = sessions;
  }
  // Of nothing there is no average and no rate: 0 would read like a bad day.
  const Json average =
      completed == 0
          ? Json(nullptr)
          : Json(static_cast<double>(analytics.duration.count()) / static_cast<double>(completed));
  const Json rate = ended == 0 ? Json(nullptr)
                               : Json(static_cast<double>(completed) / static_cast<double>(ended));
  return dump_json(Json{{"period", name},
                        {"from", format_wall_time(period.from)},
                        {"to", format_wall_time(period.to)},
                        {"sessions", analytics.sessions},
                        {"by_status", analytics.by_status},
                        {"by_outcome", std::move(outcomes)},
                        {"average_duration", average},
                        {"success_rate", rate},
                        {"tool_calls", analytics.tool_calls}});
}

/// A page of at most `limit`, of a list that has more if it is longer than that.
std::string render_records(const std::vector<KeptRecord>& records, std::size_t limit) {
  Json list = Json::array();
  const std::size_t shown = std::min(records.size(), limit);
  for (std::size_t i = 0; i < shown; ++i) {
    const KeptRecord& kept = records[i];
    Result<Json> data = parse_json(kept.record.data);
    const bool bare = kept.record.external_id.empty();
    list.push_back({{"id", kept.record.id},
                    {"kind", name_of(kept.record.kind)},
                    {"session_id", kept.session.str()},
                    {"at", format_wall_time(kept.at)},
                    {"external_id", bare ? Json(nullptr) : Json(kept.record.external_id)},
                    {"data", data.has_value() ? std::move(*data) : Json::object()}});
  }
  const bool has_more = records.size() > shown;
  return dump_json(
      Json{{"records", std::move(list)},
           {"next", has_more ? Json(record_cursor(records[shown - 1])) : Json(nullptr)}});
}

}  // namespace

Result<Period> period_named(std::string_view name, const TimeZone& zone, WallTime now) {
  const auto today = std::chrono::floor<days>(zone.to_local(now));
  const auto since = [&](std::chrono::local_days first, std::chrono::local_days last) {
    return Period{zone.to_utc(LocalTime(first)), zone.to_utc(LocalTime(last))};
  };
  if (name == "today") {
    return since(today, today + days(1));
  }
  if (name == "week") {
    const auto monday = today - (std::chrono::weekday(today) - std::chrono::Monday);
    return since(monday, monday + days(7));
  }
  if (name == "month") {
    const std::chrono::year_month_day date(today);
    const auto month = date.year() / date.month();
    return since(std::chrono::local_days(month / std::chrono::day(1)),
                 std::chrono::local_days((month + std::chrono::months(1)) / std::chrono::day(1)));
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot show analytics: '{}' is no period; allowed are today, week and "
                           "month",
                           name));
}

Result<WallTime> parse_month(std::string_view text) {
  const bool shaped = text.size() == 7 && text[4] == '-';
  const auto year = shaped ? whole_number<int>(text.substr(0, 4)) : std::nullopt;
  const auto month = shaped ? whole_number<unsigned>(text.substr(5, 2)) : std::nullopt;
  const std::chrono::year_month_day first(std::chrono::year(year.value_or(0)),
                                          std::chrono::month(month.value_or(0)),
                                          std::chrono::day(1));
  if (!year || !month || !first.ok() || *year < 1970) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot show usage: 'month' must be written as in 2026-11");
  }
  return WallTime(std::chrono::sys_days(first));
}

InsightApi::InsightApi(TenantScope& scope) : scope_(scope) {}

void InsightApi::show_usage(const std::shared_ptr<Exchange>& exchange) {
  const std::string month = parameter_or(exchange->request(), "month", "");
  const Result<WallTime> within = month.empty() ? scope_.clock.now() : parse_month(month);
  if (within.has_error()) {
    exchange->refuse(within.error());
    return;
  }
  scope_.store.read_usage(*within, [exchange, config = scope_.config,
                                    within = *within](const Result<UsageTotal>& usage) {
    usage.has_error() ? exchange->refuse(usage.error())
                      : exchange->answer(json_response(200, render_usage(*usage, *config, within)));
  });
}

void InsightApi::show_analytics(const std::shared_ptr<Exchange>& exchange) {
  const std::string name = parameter_or(exchange->request(), "period", "today");
  const Result<Period> period = period_named(name, scope_.zone, scope_.clock.now());
  if (period.has_error()) {
    exchange->refuse(period.error());
    return;
  }
  scope_.store.read_analytics(
      period->from, period->to,
      [exchange, name, period = *period](const Result<Analytics>& analytics) {
        analytics.has_error()
            ? exchange->refuse(analytics.error())
            : exchange->answer(json_response(200, render_analytics(*analytics, name, period)));
      });
}

void InsightApi::list_records(const std::shared_ptr<Exchange>& exchange) {
  Result<RecordQuery> query = parse_record_query(exchange->request());
  if (query.has_error()) {
    exchange->refuse(query.error());
    return;
  }
  // One more than is shown tells whether there is another page.
  const std::size_t limit = query->limit++;
  scope_.store.list_records(
      std::move(*query), [exchange, limit](const Result<std::vector<KeptRecord>>& records) {
        records.has_error() ? exchange->refuse(records.error())
                            : exchange->answer(json_response(200, render_records(*records, limit)));
      });
}

}  // namespace voicectl::runtime
