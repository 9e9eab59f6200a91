// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace voicectl::runtime {

/// Lower case, punctuation and repeated spaces gone, "pizzas" as "pizza".
std::string fold_spoken(std::string_view text);

/// A thing that can be asked for: its name and other ways to say it.
struct Sayable {
  std::string name;
  std::vector<std::string> keywords;
};

struct SpokenMatch {
  /// Index of the one thing that was meant; absent if none or several fit equally well.
  std::optional<std::size_t> index;
  /// Names to offer instead, best first, at most three. Empty when `index` is set.
  std::vector<std::string> close_names;
};

/// Finds what a caller meant. In this order, the first that gives exactly one thing decides: the
/// name as it is, a keyword as it is, the longest name or keyword within what was said, a name or
/// keyword with a few letters wrong, and the longest that sounds like a part of what was said.
SpokenMatch match_spoken(std::string_view spoken, const std::vector<Sayable>& things);

/// "A", "A or B", "A, B or C".
std::string join_choices(const std::vector<std::string>& names);

}  // namespace voicectl::runtime
