// SPDX-License-Identifier: Apache-2.0
#include "cli/sparkline.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace voicectl {

std::string sparkline(const std::vector<std::optional<double>>& values, double least_top) {
  constexpr std::array<std::string_view, 9> kBars = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double top = least_top;
  for (const std::optional<double>& value : values) {
    top = std::max(top, value.value_or(0));
  }
  std::string out;
  for (const std::optional<double>& value : values) {
    const double part = std::clamp(value.value_or(0) / top, 0.0, 1.0);
    out += value ? kBars[static_cast<std::size_t>(part * 8 + 0.5)] : "·";
  }
  return out;
}

std::vector<std::optional<double>> in_columns(const std::vector<std::optional<double>>& values,
                                              std::size_t most) {
  const std::size_t columns = std::min(values.size(), most);
  std::vector<std::optional<double>> out(columns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    // nullopt is less than any value.
    std::optional<double>& column = out[i * columns / values.size()];
    column = std::max(column, values[i]);
  }
  return out;
}

}  // namespace voicectl
