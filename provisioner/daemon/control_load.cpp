// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about what tenants, instances and the host did lately.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/load_json.h"
#include "provisioner/daemon/query.h"

namespace voicectl {

namespace {

Result<LoadQuestion> question_of(const HttpRequest& request, WallTime now) {
  return load_question(query_or(request, "step_s", ""), query_or(request, "since_ms", ""),
                       query_or(request, "until_ms", ""), now);
}

bool was_seen(const std::vector<WatchedUsage>& points) {
  return std::any_of(points.begin(), points.end(),
                     [](const WatchedUsage& point) { return point.row.has_value(); });
}

}  // namespace

void ControlServer::show_load(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const Status known = require_known(call.captures[0]);
  if (known.has_error() || tenant.has_error()) {
    refuse(call, known.has_error() ? known.error() : tenant.error());
    return;
  }
  const Result<LoadQuestion> question = question_of(call.request, deps_.wall.now());
  if (question.has_error()) {
    refuse(call, question.error());
    return;
  }
  deps_.registry.run<std::vector<WatchedStep>>(
      [tenant = *tenant, question = *question](Registry& registry) {
        return registry.read_load(tenant, question.step, question.since, question.until);
      },
      [this, call, tenant = *tenant,
       question = *question](const Result<std::vector<WatchedStep>>& points) {
        if (points.has_error()) {
          refuse(call, points.error());
          return;
        }
        answer(call, load_history_json(tenant, question, *points));
      });
}

bool ControlServer::is_instance(const InstanceId& name) const {
  const std::vector<InstanceView> all = deps_.instances.observe();
  return std::any_of(all.begin(), all.end(),
                     [&](const InstanceView& view) { return view.instance == name; });
}

void ControlServer::show_instance_load(const Call& call) {
  const Result<InstanceId> name = InstanceId::parse(call.captures[0]);
  if (name.has_error()) {
    refuse(call, name.error());
    return;
  }
  show_usage(call, *name);
}

void ControlServer::show_host_load(const Call& call) {
  show_usage(call, std::nullopt);
}

void ControlServer::show_usage(const Call& call, const UsageSubject& subject) {
  const Result<LoadQuestion> question = question_of(call.request, deps_.wall.now());
  if (question.has_error()) {
    refuse(call, question.error());
    return;
  }
  deps_.registry.run<std::vector<WatchedUsage>>(
      [subject, question = *question](Registry& registry) {
        return registry.read_usage(subject, question.step, question.since, question.until);
      },
      [this, call, subject, question = *question](const Result<std::vector<WatchedUsage>>& points) {
        if (points.has_error()) {
          refuse(call, points.error());
        } else if (subject && !is_instance(*subject) && !was_seen(*points)) {
          // One that is gone is known for as long as it is remembered.
          refuse(call, Error(ErrorCode::kNotFound,
                             fmt::format("cannot find instance '{}' at that time; see 'voicectl "
                                         "ps'",
                                         subject->str())));
        } else {
          answer(call, usage_history_json(subject, question, *points));
        }
      });
}

void ControlServer::show_recent_load(const Call& call) {
  const auto minutes =
      static_cast<std::size_t>(whole_number(query_or(call.request, "minutes", "")).value_or(60));
  // One that has just ended may not be written yet, and would look as if nobody had watched.
  const WallTime until =
      deps_.wall.now() - std::chrono::ceil<std::chrono::milliseconds>(2 * kSampleInterval);
  deps_.registry.run<RecentLoad>(
      [until, minutes](Registry& registry) { return registry.read_recent_load(until, minutes); },
      [this, call](const Result<RecentLoad>& recent) {
        if (recent.has_error()) {
          refuse(call, recent.error());
          return;
        }
        answer(call, recent_load_json(*recent));
      });
}

}  // namespace voicectl
