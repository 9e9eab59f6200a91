// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about what tenants did lately.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/load_json.h"
#include "provisioner/daemon/query.h"

namespace voicectl {

void ControlServer::show_load(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const Status known = require_known(call.captures[0]);
  if (known.has_error() || tenant.has_error()) {
    refuse(call, known.has_error() ? known.error() : tenant.error());
    return;
  }
  const Result<LoadQuestion> question =
      load_question(query_or(call.request, "step_s", ""), query_or(call.request, "since_ms", ""),
                    query_or(call.request, "until_ms", ""), deps_.wall.now());
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
