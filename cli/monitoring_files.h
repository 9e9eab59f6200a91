// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voicectl {

/// What other programs watch a platform with.
enum class MonitoringFile {
  kAlertRules,  ///< rule file of Prometheus
  kDashboard,   ///< dashboard of Grafana
};

/// What a value may be.
enum class MonitoringKind {
  kText,
  kNumber,  ///< from 0 to below `limit`
  kWhole,   ///< the same, without a fraction
};

/// A value that can be set when a file is rendered.
struct MonitoringValue {
  std::string_view name;
  std::string_view usual;
  MonitoringKind kind = MonitoringKind::kText;
  double limit = 0;
  /// Why there is a limit.
  std::string_view because{};
};
std::vector<MonitoringValue> values_of(MonitoringFile file);

/// The file with the usual values, but for `settings`: "NAME=VALUE" each, the last of a name wins.
/// ERRORS: kInvalidArgument for a name that the file does not have, or a value that it cannot hold.
Result<std::string> render_monitoring_file(MonitoringFile file,
                                           const std::vector<std::string>& settings);

}  // namespace voicectl
