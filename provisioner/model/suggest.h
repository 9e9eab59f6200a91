// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace voicectl {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. Only the
/// first 64 bytes of each are compared.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `word` was probably meant to be; nullopt when none is near enough (a third
/// of its length, at least one edit; case does not count) and none begins with `word`.
std::optional<std::string> find_nearest(std::string_view word,
                                        const std::vector<std::string>& candidates);

/// "did you mean 'x'?", or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace voicectl
