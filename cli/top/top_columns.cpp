// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_columns.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace voicectl {
namespace {

std::optional<double> number_of(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

std::string count(const Json& item, std::string_view key) {
  return fmt::format("{:.0f}", number_of(item, key).value_or(0));
}

std::string rate(const Json& item, std::string_view key) {
  const std::optional<double> value = number_of(item, key);
  return value ? fmt::format("{:.1f}", *value) : "-";
}

std::string milliseconds(const Json& item, std::string_view key) {
  const std::optional<double> length = number_of(item, key);
  return !length          ? "-"
         : *length < 10   ? fmt::format("{:.1f}ms", *length)
         : *length < 10e3 ? fmt::format("{:.0f}ms", *length)
                          : fmt::format("{:.0f}s", *length / 1000);
}

/// `part`: what is a hundredth.
std::string percent(const Json& item, std::string_view key, double part) {
  const std::optional<double> value = number_of(item, key);
  return value ? fmt::format("{:.1f}%", *value / part) : "-";
}

// What goes first when a screen is narrow: what `tenant list` and `ps` tell as well.
const std::vector<TopColumn>& all_tenant_columns() {
  static const std::vector<TopColumn> columns = {
      {"TENANT", Align::kLeft, 22, 0, kNoEdge,
       [](const Json& item) { return string_or(item, "tenant", "?"); }},
      {"TIER", Align::kLeft, 10, 128, kNoEdge,
       [](const Json& item) {
         return item.value("promoted", false) ? "promoted" : string_or(item, "tier", "?");
       }},
      {"INSTANCE", Align::kLeft, 24, 100, kNoEdge,
       [](const Json& item) { return string_or(item, "instance", "-"); }},
      {"SESSIONS", Align::kRight, 8, 0, kNoEdge,
       [](const Json& item) { return count(item, "sessions"); }},
      {"SOCKETS", Align::kRight, 7, 128, kNoEdge,
       [](const Json& item) { return count(item, "websockets"); }},
      {"REQ/S", Align::kRight, 8, 60, kNoEdge,
       [](const Json& item) { return rate(item, "requests_per_s"); }},
      {"EVENTS/S", Align::kRight, 8, 148, kNoEdge,
       [](const Json& item) { return rate(item, "events_per_s"); }},
      {"P99", Align::kRight, 9, 60, kNoEdge,
       [](const Json& item) { return milliseconds(item, "p99_ms"); }},
      {"MEMORY", Align::kRight, 10, 148, kNoEdge,
       [](const Json& item) { return bytes_cell(item, "memory_bytes"); }},
      {"CPU", Align::kRight, 7, 0, kNoEdge,
       [](const Json& item) { return percent(item, "cpu_milli", 10); }}};
  return columns;
}

const std::vector<TopColumn>& all_instance_columns() {
  const auto name = [](const Json& item) { return string_or(item, "instance", "?"); };
  static const std::vector<TopColumn> columns = {
      {"INSTANCE", Align::kLeft, 33, 128, kNoEdge, name},
      {"INSTANCE", Align::kLeft, 24, 0, 128, name},
      {"KIND", Align::kLeft, 10, 128, kNoEdge,
       [](const Json& item) { return string_or(item, "kind", "?"); }},
      {"STATE", Align::kLeft, 12, 0, kNoEdge,
       [](const Json& item) { return string_or(item, "state", "?"); }},
      {"TENANTS", Align::kRight, 8, 100, kNoEdge,
       [](const Json& item) { return count(item, "tenants"); }},
      {"SESSIONS", Align::kRight, 8, 80, kNoEdge,
       [](const Json& item) { return count(item, "sessions"); }},
      {"LOOP LAG", Align::kRight, 9, 60, kNoEdge,
       [](const Json& item) { return milliseconds(item, "loop_lag_ms"); }},
      {"CPU", Align::kRight, 7, 50, kNoEdge,
       [](const Json& item) { return percent(item, "cpu_percent", 1); }},
      {"RSS", Align::kRight, 10, 80, kNoEdge,
       [](const Json& item) { return bytes_cell(item, "rss_bytes"); }},
      {"PSS", Align::kRight, 10, 148, kNoEdge,
       [](const Json& item) { return bytes_cell(item, "pss_bytes"); }},
      {"FDS", Align::kRight, 6, 148, kNoEdge,
       [](const Json& item) { return cell(item, "descriptors"); }},
      {"THREADS", Align::kRight, 7, 148, kNoEdge,
       [](const Json& item) { return cell(item, "threads"); }},
      {"UPTIME", Align::kRight, 9, 100, kNoEdge,
       [](const Json& item) { return seconds_cell(item, "uptime_s"); }}};
  return columns;
}

std::vector<TopColumn> shown(const std::vector<TopColumn>& all, std::size_t screen) {
  std::vector<TopColumn> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const TopColumn& column) {
    return screen >= column.from && (column.below == kNoEdge || screen < column.below);
  });
  return out;
}

void append_cell(std::string& line, const TopColumn& column, const std::string& text) {
  const std::string safe = safe_for_terminal(text);
  const std::string fitted =
      safe.size() <= column.width ? safe : safe.substr(0, column.width - 1) + "~";
  line += line.empty() ? "" : " ";
  line += column.align == Align::kLeft ? fmt::format("{:<{}}", fitted, column.width)
                                       : fmt::format("{:>{}}", fitted, column.width);
}

}  // namespace

std::vector<TopColumn> tenant_columns(std::size_t screen) {
  return shown(all_tenant_columns(), screen);
}

std::vector<TopColumn> instance_columns(std::size_t screen) {
  return shown(all_instance_columns(), screen);
}

std::string header_of(const std::vector<TopColumn>& columns) {
  std::string line;
  for (const TopColumn& column : columns) {
    append_cell(line, column, std::string(column.title));
  }
  return line;
}

std::string row_of(const std::vector<TopColumn>& columns, const Json& item) {
  std::string line;
  for (const TopColumn& column : columns) {
    append_cell(line, column, column.text(item));
  }
  return line;
}

std::size_t width_of(const std::vector<TopColumn>& columns) {
  return header_of(columns).size();
}

}  // namespace voicectl
