// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/top/screen.h"

namespace voicectl {

/// What `voicectl top` shows: tenants with their load of the last looks, and the instances. Pure:
/// it is fed with answers of the control API and gives lines.
class TopView {
 public:
  enum class Sort { kCpu, kSessions, kRequests, kLatency, kName };

  /// Answer of GET /v1/load, before the first look: what nobody saw here, minute by minute, is what
  /// the lines begin with.
  void begin_with(const Json& recent);
  /// Answers of GET /v1/status, /v1/tenants and /v1/instances, of the same moment.
  void take(const Json& status, const Json& tenants, const Json& instances);
  /// Shown instead of the state of the platform until the next take().
  void set_problem(std::string problem) { problem_ = std::move(problem); }

  /// True if the key ends the view.
  bool press(Key key);

  std::vector<ScreenLine> lines(ScreenSize size) const;
  /// Everything, for who looks at it in a file.
  std::vector<ScreenLine> all_lines() const;

 private:
  struct Tenant {
    std::string name;
    std::string tier;
    std::string instance;
    bool is_promoted = false;
    double sessions = 0;
    double websockets = 0;
    std::optional<double> requests;  ///< per second
    std::optional<double> cpu;       ///< thousandths of a core
    std::optional<double> p99;       ///< milliseconds
  };
  std::vector<const Tenant*> chosen() const;
  ScreenLine title() const;
  ScreenLine help() const;
  std::vector<ScreenLine> tenant_lines() const;
  std::vector<ScreenLine> instance_lines() const;
  std::string row_of(const Tenant& tenant) const;
  std::string sparkline(const std::string& tenant) const;
  void press_in_filter(Key key);

  Json status_;
  Json instances_;
  std::vector<Tenant> tenants_;
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
