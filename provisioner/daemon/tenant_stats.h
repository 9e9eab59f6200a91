// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "monitor/load_report.h"

namespace voicectl {

/// What of a tenant is connected.
struct OpenConnections {
  std::uint64_t connections = 0;
  std::uint64_t websockets = 0;
};

/// As an instance's answer to control::request::kStats says; what it does not say is nothing.
OpenConnections open_connections(const std::string& stats, const TenantId& tenant);

/// Effects of a tenant on other systems that were given up and wait for an operator.
struct DeadEffects {
  std::uint64_t count = 0;
  /// The newest of them.
  std::uint64_t entry = 0;
  std::string kind;
  /// How many were given up since its instance has it.
  std::uint64_t given_up = 0;
};

/// What an instance tells of itself and its tenants.
struct InstanceStats {
  /// In the order of their names.
  std::vector<TenantStats> tenants;
  std::optional<LatencyHistogram> loop_lag{};
  /// Of tenants that have some.
  std::map<TenantId, DeadEffects> dead{};
};

/// What an instance tells, put together from the pages of its answer. Nothing that
/// it says makes this endless, or is believed of others' tenants: it may be broken, or worse.
class StatsPages {
 public:
  /// `is_its_own` says whether the instance has a tenant; `tenants` is how many it has.
  StatsPages(std::function<bool(const TenantId&)> is_its_own, std::size_t tenants);

  /// Takes the next page. A tenant that it does not have, or that stands out of order, is left out.
  /// ERRORS: kInvalidArgument, kResourceExhausted or kCorrupt: it makes no sense, does not lead on,
  /// or is one of too many.
  Status take(const std::string& page);

  /// The "after" of the next page; empty before the first and behind the last.
  const std::string& next() const { return next_; }

  /// To be taken once.
  InstanceStats finish() { return std::move(told_); }

 private:
  void take_tenant(const Json& told);

  std::function<bool(const TenantId&)> is_its_own_;
  std::size_t pages_left_;
  std::string next_;
  InstanceStats told_;
};

}  // namespace voicectl
