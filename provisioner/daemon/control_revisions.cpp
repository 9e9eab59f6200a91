// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about what was applied: revisions of the desired state, and forecasts
// of plans beside what came of them.
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

constexpr std::size_t kRevisionsAtOnce = 1000;

std::int64_t query_number(const HttpRequest& request, const std::string& key, std::int64_t none) {
  return whole_number(query_or(request, key, "")).value_or(none);
}

Json show_revision_facts(const Revision& revision) {
  const Result<Json> summary = parse_json(revision.summary);
  return {{"revision", revision.number},
          {"generation", revision.generation.value},
          {"at", format_wall_time(revision.at)},
          {"who", revision.who},
          {"why", revision.why},
          {"plan_id", revision.plan_id},
          {"outcome", name_of(revision.outcome)},
          {"summary", summary.has_value() ? *summary : Json::object()}};
}

Json numbers_of(const std::string& text) {
  const Result<Json> numbers = parse_json(text);
  return numbers.has_value() ? *numbers : Json::object();
}

Json show_forecast(const ForecastRecord& record) {
  return {{"number", record.number},
          {"at", format_wall_time(record.at)},
          {"plan_id", record.plan_id},
          {"revision", record.revision},
          {"complete", record.is_complete},
          {"forecast", numbers_of(record.forecast)},
          {"outcome", numbers_of(record.outcome)}};
}

Error no_revision(std::string_view number) {
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot find revision '{}': the newest {} are kept; see 'voicectl "
                           "history'",
                           number.substr(0, 40), kKeptRevisions));
}

}  // namespace

void ControlServer::list_revisions(const Call& call) {
  const std::int64_t before =
      query_number(call.request, "before", std::numeric_limits<std::int64_t>::max());
  const auto limit = static_cast<std::size_t>(query_number(call.request, "limit", 50));
  deps_.registry.run<std::vector<Revision>>(
      [before, limit](Registry& registry) {
        return registry.read_revisions(before, std::min(limit, kRevisionsAtOnce));
      },
      [this, call](const Result<std::vector<Revision>>& revisions) {
        if (revisions.has_error()) {
          refuse(call, revisions.error());
          return;
        }
        Json list = Json::array();
        for (const Revision& revision : *revisions) {
          list.push_back(show_revision_facts(revision));
        }
        answer(call, {{"revisions", std::move(list)}, {"newest", deps_.loop.revision()}});
      });
}

void ControlServer::list_forecasts(const Call& call) {
  const std::int64_t before =
      query_number(call.request, "before", std::numeric_limits<std::int64_t>::max());
  const auto limit = static_cast<std::size_t>(query_number(call.request, "limit", 50));
  deps_.registry.run<std::vector<ForecastRecord>>(
      [before, limit](Registry& registry) {
        return registry.read_forecasts(before, std::min(limit, kRevisionsAtOnce));
      },
      [this, call](const Result<std::vector<ForecastRecord>>& kept) {
        if (kept.has_error()) {
          refuse(call, kept.error());
          return;
        }
        Json list = Json::array();
        for (const ForecastRecord& record : *kept) {
          list.push_back(show_forecast(record));
        }
        answer(call, {{"forecasts", std::move(list)}});
      });
}

void ControlServer::show_revision(const Call& call) {
  const std::optional<std::int64_t> number = whole_number(call.captures[0]);
  if (!number) {
    refuse(call, no_revision(call.captures[0]));
    return;
  }
  deps_.registry.run<std::optional<KeptRevision>>(
      [number = *number](Registry& registry) { return registry.read_revision(number); },
      [this, call](const Result<std::optional<KeptRevision>>& kept) {
        if (kept.has_error() || !*kept) {
          refuse(call, kept.has_error() ? kept.error() : no_revision(call.captures[0]));
          return;
        }
        Json purged = Json::array();
        for (const TenantId& tenant : (*kept)->purged) {
          purged.push_back(tenant.str());
        }
        answer(call, {{"revision", show_revision_facts((*kept)->revision)},
                      {"document", (*kept)->document},
                      {"purged", std::move(purged)},
                      {"newest", deps_.loop.revision()}});
      });
}

}  // namespace voicectl
