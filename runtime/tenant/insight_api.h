// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.h"
#include "runtime/backend/time_zone.h"
#include "runtime/session/stored_values.h"
#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// A stretch of time, without its end.
struct Period {
  WallTime from;
  WallTime to;
  friend bool operator==(const Period&, const Period&) = default;
};

/// "today", "week" (from Monday) or "month", as clocks in the tenant's place have it. Pure.
/// ERRORS: kInvalidArgument.
Result<Period> period_named(std::string_view name, const TimeZone& zone, WallTime now);

/// Any moment of a month written as "2026-11". Pure. ERRORS: kInvalidArgument.
Result<WallTime> parse_month(std::string_view text);

/// What the tenant's sessions came to: usage for the bill, analytics for the business, and the
/// orders, appointments and tickets for those who work on them. Requests come here authorised.
///
/// THREADS: loop thread only.
class InsightApi {
 public:
  /// REQUIRES: `scope` outlives it.
  explicit InsightApi(TenantScope& scope);
  InsightApi(const InsightApi&) = delete;
  InsightApi& operator=(const InsightApi&) = delete;

  /// `month` (this month): usage by calendar month in UTC, as it is billed, and what the plan has.
  void show_usage(const std::shared_ptr<Exchange>& exchange);
  /// `period`: today, week or month.
  void show_analytics(const std::shared_ptr<Exchange>& exchange);
  /// `kind`, `limit`: newest first.
  void list_records(const std::shared_ptr<Exchange>& exchange);

 private:
  TenantScope& scope_;
};

}  // namespace voicectl::runtime
