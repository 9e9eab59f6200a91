// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/output.h"

namespace voicectl {

/// Columns of a screen that has no edge: a file.
inline constexpr std::size_t kNoEdge = std::numeric_limits<std::size_t>::max();

/// A column of a table of `voicectl top`, and on which screens it is shown.
struct TopColumn {
  std::string_view title;
  Align align = Align::kLeft;
  std::size_t width = 0;
  /// On screens of so many columns, and less than those.
  std::size_t from = 0;
  std::size_t below = kNoEdge;
  /// Of an item of the daemon's answer; what is longer than the column is cut, and ends with '~'.
  std::string (*text)(const Json& item) = nullptr;
};

/// Those for a screen of so many columns: they fit into it.
/// REQUIRES: at least 40 columns.
std::vector<TopColumn> tenant_columns(std::size_t screen);
std::vector<TopColumn> instance_columns(std::size_t screen);

/// All of them side by side, with one space between: their titles, or an item.
std::string header_of(const std::vector<TopColumn>& columns);
std::string row_of(const std::vector<TopColumn>& columns, const Json& item);
std::size_t width_of(const std::vector<TopColumn>& columns);

}  // namespace voicectl
