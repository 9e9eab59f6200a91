// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace voicectl {

/// Bars of eighths for values from 0 to the greatest of them and `least_top`; a dot for what is not
/// known. UTF-8.
std::string sparkline(const std::vector<std::optional<double>>& values, double least_top);

/// As many as `most` at most: the greatest of those that come together.
std::vector<std::optional<double>> in_columns(const std::vector<std::optional<double>>& values,
                                              std::size_t most);

}  // namespace voicectl
