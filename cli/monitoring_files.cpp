// SPDX-License-Identifier: Apache-2.0
#include "cli/monitoring_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/histogram.h"
#include "base/json.h"
#include "base/metrics_text.h"
#include "cli/built_in_templates.h"
#include "provisioner/edge/template_engine.h"

namespace voicectl {
namespace {

Error no_such_value(MonitoringFile file, const std::string& name) {
  std::string known;
  for (const MonitoringValue& value : values_of(file)) {
    known += (known.empty() ? "" : ", ") + std::string(value.name);
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot set '{}': this file has {}", name, known));
}

Error wrong_value(const MonitoringValue& value, std::string_view text, const std::string& why) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot set '{}' to '{}': {}", value.name, text, why));
}

/// Rules hold numbers only, so that no setting can become part of a query.
Result<Json> read_value(const MonitoringValue& value, std::string_view text) {
  if (value.kind == MonitoringKind::kText) {
    return Json(std::string(text));
  }
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(number) ||
      number < 0) {
    return wrong_value(value, text, "it must be a number, not below 0");
  }
  const bool is_whole = number == std::floor(number);
  if (value.kind == MonitoringKind::kWhole && !is_whole) {
    return wrong_value(value, text, "it must be a whole number");
  }
  if (number >= value.limit) {
    return wrong_value(value, text,
                       fmt::format("it must be below {}: {}", value.limit, value.because));
  }
  return is_whole ? Json(static_cast<std::int64_t>(number)) : Json(number);
}

Status set_value(MonitoringFile file, const std::string& setting, Json& values) {
  const std::size_t equals = setting.find('=');
  const std::string name = setting.substr(0, equals);
  if (equals == std::string::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read the setting '{}': write NAME=VALUE", setting));
  }
  const std::vector<MonitoringValue> known = values_of(file);
  const auto value = std::find_if(known.begin(), known.end(),
                                  [&](const MonitoringValue& one) { return one.name == name; });
  if (value == known.end()) {
    return no_such_value(file, name);
  }
  VC_TRY(values[name], read_value(*value, std::string_view(setting).substr(equals + 1)));
  return ok_status();
}

}  // namespace

std::vector<MonitoringValue> values_of(MonitoringFile file) {
  if (file == MonitoringFile::kDashboard) {
    return {{"title", "voicectl"}, {"uid", "voicectl"}, {"refresh", "30s"}};
  }
  constexpr MonitoringKind kNumber = MonitoringKind::kNumber;
  constexpr MonitoringKind kWhole = MonitoringKind::kWhole;
  constexpr double kMost = 1e9;
  constexpr std::string_view kTooMuch = "more is never reached";
  constexpr std::string_view kLast = "longer times are counted as that much";
  constexpr std::string_view kShare = "it is a share of the whole";
  const double latency = static_cast<double>(kLatencyBoundsUs.back()) / 1e6;
  return {{"loop_lag_seconds", "0.05", kNumber, latency, kLast},
          {"request_p99_seconds", "1", kNumber, latency, kLast},
          {"hand_over_pause_seconds", "0.1", kNumber, kPauseBounds.back(), kLast},
          {"over_mark_minutes", "15", kWhole, 7 * 24 * 60, "that is a week"},
          {"restarts", "3", kNumber, kMost, kTooMuch},
          {"flaps", "3", kNumber, kMost, kTooMuch},
          {"sample_age_seconds", "30", kNumber, kMost, kTooMuch},
          {"load_per_processor", "1.5", kNumber, kMost, kTooMuch},
          {"memory_free_share", "0.1", kNumber, 1, kShare},
          {"disk_free_share", "0.1", kNumber, 1, kShare}};
}

Result<std::string> render_monitoring_file(MonitoringFile file,
                                           const std::vector<std::string>& settings) {
  Json values = Json::object();
  for (const MonitoringValue& value : values_of(file)) {
    const std::string name(value.name);
    VC_TRY(values[name], read_value(value, value.usual));
  }
  for (const std::string& setting : settings) {
    VC_TRY(set_value(file, setting, values));
  }
  const bool is_rules = file == MonitoringFile::kAlertRules;
  const TemplateLoader nothing_else = [](const std::string&) -> Result<std::optional<std::string>> {
    return std::optional<std::string>();
  };
  VC_TRY(const Template parsed,
         Template::parse(is_rules ? "voicectl.rules.yaml.tmpl" : "voicectl.json.tmpl",
                         built_in_template(is_rules ? BuiltInTemplate::kAlertRules
                                                    : BuiltInTemplate::kDashboard),
                         nothing_else));
  return parsed.render(values);
}

}  // namespace voicectl
