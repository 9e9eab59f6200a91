// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

double seconds_of(std::chrono::milliseconds length) {
  return static_cast<double>(length.count()) / 1000;
}

/// Thousandths of a processor, on average over what was watched.
double mean_milli(std::chrono::microseconds used, std::chrono::milliseconds watched) {
  return watched <= std::chrono::milliseconds::zero()
             ? 0
             : static_cast<double>(used.count()) / static_cast<double>(watched.count());
}

/// Milliseconds that this share of the requests did not exceed; null if there were none.
Json quantile_json(const LatencyHistogram& latency, double share) {
  return latency.count() == 0 ? Json()
                              : Json(static_cast<double>(latency.quantile_us(share)) / 1000);
}

Json memory_json(const std::optional<Bytes>& memory) {
  return memory ? Json(memory->count) : Json();
}

Json point_json(const WatchedStep& point) {
  Json out = {{"at", format_wall_time(point.at)},
              {"at_ms", point.at.time_since_epoch().count()},
              {"watched_s", seconds_of(point.watched)},
              {"instance", nullptr},
              {"sessions", 0},
              {"requests", 0},
              {"events", 0},
              {"cpu_milli", 0.0},
              {"cpu_most_milli", 0},
              {"p50_ms", nullptr},
              {"p95_ms", nullptr},
              {"p99_ms", nullptr},
              {"received", 0},
              {"sent", 0},
              {"memory_bytes", nullptr}};
  if (point.row) {
    const LoadRow& row = *point.row;
    const LatencyHistogram latency = unpack_latency(row.latency);
    out["instance"] = row.instance.str();
    out["sessions"] = row.sessions;
    out["requests"] = row.requests;
    out["events"] = row.events;
    out["cpu_milli"] = mean_milli(row.processor_time, point.watched);
    out["cpu_most_milli"] = row.most_cpu.count;
    out["p50_ms"] = quantile_json(latency, 0.5);
    out["p95_ms"] = quantile_json(latency, 0.95);
    out["p99_ms"] = quantile_json(latency, 0.99);
    out["received"] = row.received;
    out["sent"] = row.sent;
    out["memory_bytes"] = memory_json(row.memory);
  }
  return out;
}

Json usage_point_json(const WatchedUsage& point) {
  Json out = {{"at", format_wall_time(point.at)},
              {"at_ms", point.at.time_since_epoch().count()},
              {"watched_s", seconds_of(point.watched)},
              {"cpu_milli", nullptr},
              {"cpu_most_milli", nullptr}};
  if (point.row) {
    out["cpu_milli"] = mean_milli(point.row->processor_time, point.watched);
    out["cpu_most_milli"] = point.row->most_cpu.count;
  }
  for (const UsageMeasureName& name : kUsageMeasureNames) {
    const auto most = point.row ? (*point.row)[name.measure] : std::nullopt;
    out[std::string(name.json)] = !most ? Json()
                                  : name.divisor > 1
                                      ? Json(static_cast<double>(*most) / name.divisor)
                                      : Json(*most);
  }
  return out;
}

Result<LoadStep> step_of(std::string_view step_s, std::chrono::milliseconds span) {
  for (const LoadStep step : kLoadSteps) {
    const auto kept = length_of(step) * static_cast<std::int64_t>(kept_of(step));
    // Whoever asks for three hours says since when, a moment before the question comes here: the
    // step that began within the one before is the last that is kept.
    if (step_s.empty() ? span < kept + length_of(step)
                       : whole_number(step_s) == length_of(step).count()) {
      return step;
    }
  }
  if (step_s.empty()) {
    return LoadStep::kHour;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot tell load in steps of '{}' seconds: it is kept in steps of 60, "
                           "600 and 3600",
                           step_s.substr(0, 20)));
}

Result<WallTime> time_of(std::string_view name, std::string_view text, WallTime none) {
  // The year 9999: what is later has no date.
  constexpr std::int64_t kLast = 253'402'300'799'000;
  if (text.empty()) {
    return none;
  }
  const std::optional<std::int64_t> number = whole_number(text);
  if (!number || *number > kLast) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot take '{}' for {}: it is milliseconds since 1970",
                             text.substr(0, 20), name));
  }
  return WallTime{std::chrono::milliseconds(*number)};
}

}  // namespace

Result<LoadQuestion> load_question(std::string_view step_s,
                                   std::string_view since_ms,
                                   std::string_view until_ms,
                                   WallTime now) {
  LoadQuestion out;
  VC_TRY(out.since, time_of("since_ms", since_ms, now - std::chrono::hours(24)));
  VC_TRY(out.until, time_of("until_ms", until_ms, now));
  VC_TRY(out.step, step_of(step_s, now - out.since));
  out.since = begin_of(out.step, out.since);
  return out;
}

Json load_history_json(const TenantId& tenant,
                       const LoadQuestion& question,
                       const std::vector<WatchedStep>& points) {
  Json list = Json::array();
  for (const WatchedStep& point : points) {
    list.push_back(point_json(point));
  }
  return {{"schema", "voicectl/load-history/v1"},       {"tenant", tenant.str()},
          {"step_s", length_of(question.step).count()}, {"since", format_wall_time(question.since)},
          {"until", format_wall_time(question.until)},  {"points", std::move(list)}};
}

Json usage_history_json(const UsageSubject& subject,
                        const LoadQuestion& question,
                        const std::vector<WatchedUsage>& points) {
  Json list = Json::array();
  for (const WatchedUsage& point : points) {
    list.push_back(usage_point_json(point));
  }
  return {{"schema", "voicectl/usage-history/v1"},
          {"subject", subject ? "instance/" + subject->str() : "host"},
          {"step_s", length_of(question.step).count()},
          {"since", format_wall_time(question.since)},
          {"until", format_wall_time(question.until)},
          {"points", std::move(list)}};
}

Json load_summary_json(const std::vector<WatchedStep>& points) {
  if (points.empty()) {
    return {};
  }
  std::chrono::milliseconds watched{0};
  std::optional<LoadRow> sum;
  for (const WatchedStep& point : points) {
    watched += point.watched;
    if (point.row && sum) {
      add_load(*sum, *point.row);
    } else if (point.row) {
      sum = point.row;
    }
  }
  const LatencyHistogram latency = sum ? unpack_latency(sum->latency) : LatencyHistogram();
  return {{"watched_s", seconds_of(watched)},
          {"sessions", sum ? sum->sessions : 0},
          {"requests", sum ? sum->requests : 0},
          {"cpu_most_milli", sum ? sum->most_cpu.count : 0},
          {"p99_ms", quantile_json(latency, 0.99)},
          {"memory_bytes", sum ? memory_json(sum->memory) : Json()}};
}

Json recent_load_json(const RecentLoad& recent) {
  Json watched = Json::array();
  for (const std::chrono::milliseconds length : recent.watched) {
    watched.push_back(seconds_of(length));
  }
  Json tenants = Json::object();
  for (const auto& [tenant, times] : recent.processor_time) {
    Json& list = tenants[tenant.str()] = Json::array();
    for (std::size_t i = 0; i < times.size(); ++i) {
      list.push_back(mean_milli(times[i], recent.watched[i]));
    }
  }
  return {{"watched_s", std::move(watched)}, {"tenants", std::move(tenants)}};
}

}  // namespace voicectl
