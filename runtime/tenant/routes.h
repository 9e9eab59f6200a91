// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace voicectl::runtime {

/// Who may use a route.
enum class Access {
  kAnyone,
  kWidgetKey,
  kStaffKey,
  kAdminKey,
  kSessionToken,  ///< the token of the session that the path names, or a staff key
  kSignature,     ///< a signature over the body, Ultravox's or ERPNext's
  kToolToken,     ///< the token that only the session's tools have
};

enum class Operation {
  kShowHealth,
  kCreateSession,
  kListSessions,
  kShowSession,
  kEndSession,
  kFollowSession,
  kFollowTenant,
  kShowUsage,
  kShowAnalytics,
  kListRecords,
  kTakeCallEvent,
  kTakeRecordUpdate,
  kRunTool,
};

struct Route {
  std::string_view method;
  /// `{name}` stands for one part of the path.
  std::string_view pattern;
  Operation operation;
  Access access;
};

/// Everything that a tenant's address answers to.
std::span<const Route> all_routes();

struct RouteMatch {
  /// nullptr if nothing fits.
  const Route* route = nullptr;
  std::map<std::string, std::string, std::less<>> parameters;
  /// If the path is known with other methods: the value of an Allow header.
  std::string allowed;
};

/// Finds the route of a request. Pure.
RouteMatch match_route(std::string_view method, std::string_view path);

}  // namespace voicectl::runtime
