// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/top/screen.h"
#include "cli/top/top_columns.h"

namespace voicectl {

/// What `voicectl top` shows: tenants with their load of the last looks, and the instances. Pure:
/// it is fed with answers of the control API and gives lines.
class TopView {
 public:
  /// By what both tables are sorted, the most first; of instances kRequests and kEvents are what
  /// their tenants have together, kLatency is how late their loops are.
  enum class Sort { kCpu, kSessions, kRequests, kEvents, kLatency, kMemory, kName };
  static std::vector<std::string> sort_names();
  static std::optional<Sort> sort_named(std::string_view name);

  /// Answer of GET /v1/load, before the first look: what nobody saw here, minute by minute, is what
  /// the lines begin with.
  void begin_with(const Json& recent);
  /// Answers of GET /v1/status, /v1/tenants and /v1/instances, of the same moment.
  void take(const Json& status, const Json& tenants, const Json& instances);
  /// Shown instead of the state of the platform until the next take().
  void set_problem(std::string problem) { problem_ = std::move(problem); }

  void sort_by(Sort sort) { sort_ = sort; }
  /// Shows tenants with that in their name or that of their instance, and instances with that in
  /// their name or that of one of their tenants. Empty: all.
  void filter_by(std::string text) { filter_ = std::move(text); }

  /// True if the key ends the view.
  bool press(Key key);

  /// No line is longer than the screen is wide.
  std::vector<ScreenLine> lines(ScreenSize size) const;
  /// Everything, for who looks at it in a file.
  std::vector<ScreenLine> all_lines() const;
  /// The same as a document: {"status","tenants","instances"} as the daemon tells of them.
  Json document() const;

 private:
  using Items = std::vector<const Json*>;
  bool is_chosen_tenant(const Json& tenant) const;
  bool is_chosen_instance(const Json& instance) const;
  Items chosen_tenants() const;
  Items chosen_instances() const;
  double sum_of_tenants(std::string_view instance, std::string_view key) const;
  ScreenLine title(std::size_t columns) const;
  ScreenLine help(std::size_t columns) const;
  std::vector<ScreenLine> tenant_lines(std::size_t columns) const;
  std::vector<ScreenLine> instance_lines(std::size_t columns) const;
  std::string sparkline_of(const std::string& tenant, std::size_t columns) const;
  void press_in_filter(Key key);

  /// Null before the first look.
  std::shared_ptr<const Json> status_;
  std::vector<Json> tenants_;
  std::vector<Json> instances_;
  /// Processor time (without it: sessions) at the last looks, newest last.
  std::map<std::string, std::deque<std::optional<double>>> history_;
  /// Minutes before the first look of who had nothing in them; absent where nobody looked.
  std::deque<std::optional<double>> before_;
  std::string problem_;
  Sort sort_ = Sort::kCpu;
  std::string filter_;
  bool is_typing_ = false;
  std::size_t first_ = 0;
};

/// Bars of eighths for values from 0 to the greatest of them and `least_top`, a dot for what nobody
/// knows; UTF-8.
std::string bars(const std::deque<std::optional<double>>& values, double least_top);

}  // namespace voicectl
