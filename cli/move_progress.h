// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/console.h"
#include "provisioner/api/control_protocol.h"

namespace voicectl {

/// "mario-pizza" of "tenant/mario-pizza".
std::string tenant_of(const api::StepProgress& step);

/// "1.7ms", "2s".
std::string pause_text(std::int64_t microseconds);

/// "12 connections, stood still for 1.7ms"; for one that was not moved what became of it instead.
/// Empty if nothing is known of a move.
std::string move_summary(const api::StepProgress& step);

/// Shows how far tenants' moves are, on standard error: at a terminal in one line that changes,
/// elsewhere in a line for each step and each tenth of the way.
class MoveDisplay {
 public:
  explicit MoveDisplay(Console& console) : console_(console) {}
  ~MoveDisplay() { clear(); }
  MoveDisplay(const MoveDisplay&) = delete;
  MoveDisplay& operator=(const MoveDisplay&) = delete;

  /// REQUIRES: it is running, and moves a tenant.
  void show(const api::StepProgress& step);
  /// Makes room for another line.
  void clear();

 private:
  struct Shown {
    std::string phase;
    int tenth = -1;
  };

  Console& console_;
  std::map<std::string, Shown> shown_;
  bool is_line_open_ = false;
};

}  // namespace voicectl
