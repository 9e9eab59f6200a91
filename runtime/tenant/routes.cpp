// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/routes.h"

namespace voicectl::runtime {
namespace {

constexpr Route kRoutes[] = {
    {"GET", "/health", Operation::kShowHealth, Access::kAnyone},
    {"POST", "/api/sessions", Operation::kCreateSession, Access::kWidgetKey},
    {"GET", "/api/sessions", Operation::kListSessions, Access::kStaffKey},
    {"GET", "/api/sessions/{session}", Operation::kShowSession, Access::kSessionToken},
    {"DELETE", "/api/sessions/{session}", Operation::kEndSession, Access::kStaffKey},
    {"GET", "/api/usage", Operation::kShowUsage, Access::kAdminKey},
    {"GET", "/api/analytics", Operation::kShowAnalytics, Access::kStaffKey},
    {"GET", "/api/records", Operation::kListRecords, Access::kStaffKey},
    {"GET", "/ws/sessions/{session}", Operation::kFollowSession, Access::kSessionToken},
    {"GET", "/ws/staff", Operation::kFollowTenant, Access::kStaffKey},
    {"POST", "/webhook/{tenant}/ultravox", Operation::kTakeCallEvent, Access::kSignature},
    {"POST", "/webhook/{tenant}/order-update", Operation::kTakeRecordUpdate, Access::kSignature},
    // As sites have it that were set up for the platform before: the host names the tenant.
    {"POST", "/webhook/order-update", Operation::kTakeRecordUpdate, Access::kSignature},
    {"POST", "/webhook/{tenant}/tools/{tool}", Operation::kRunTool, Access::kToolToken},
};

std::string_view take_part(std::string_view& path) {
  const std::size_t slash = path.find('/', 1);
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(part.size());
  return part;
}

bool fits(std::string_view pattern, std::string_view path, RouteMatch& match) {
  match.parameters.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_part(pattern);
    const std::string_view given = take_part(path);
    if (wanted.substr(0, 2) == "/{") {
      match.parameters.emplace(wanted.substr(2, wanted.size() - 3), given.substr(1));
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> all_routes() {
  return kRoutes;
}

RouteMatch match_route(std::string_view method, std::string_view path) {
  RouteMatch match;
  for (const Route& route : kRoutes) {
    if (!fits(route.pattern, path, match)) {
      continue;
    }
    if (route.method == method) {
      match.route = &route;
      return match;
    }
    match.allowed += match.allowed.empty() ? "" : ", ";
    match.allowed += route.method;
  }
  return match;
}

}  // namespace voicectl::runtime
