// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/latency_histogram.h"
#include "base/units.h"
#include "runtime/service/hand_over_figures.h"
#include "runtime/tenant/tenant_host.h"

namespace voicectl::runtime {

struct TenantMetrics {
  std::string tenant;
  TenantLoad load;
  /// Absent where only loads were asked for.
  std::optional<TenantEffects> effects{};
};

/// How much of a tenant is looked at.
enum class Look { kLoads, kAll };

/// Numbers of the process itself.
struct ProcessMetrics {
  std::chrono::microseconds cpu{0};
  Bytes resident;
  std::uint64_t open_descriptors = 0;
  LatencyHistogram loop_lag{};
  /// WebSockets that would outlive the process.
  std::uint64_t kept_websockets = 0;
};

/// The text form of Prometheus (0.0.4). Pure.
std::string render_metrics(const std::vector<TenantMetrics>& tenants,
                           const HandOverFigures& hand_overs,
                           const ProcessMetrics& process);

}  // namespace voicectl::runtime
