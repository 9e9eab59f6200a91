// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace voicectl {

/// A length of time on the command line as seconds: "90", "90s", "10m", "2h", "1d"; at most 3660
/// days. nullopt for anything else.
std::optional<std::int64_t> parse_seconds(std::string_view text);

/// What is wrong with such a text, or nothing: a check for an option.
std::string check_seconds(const std::string& text);

/// The same, and no longer than that.
std::function<std::string(const std::string&)> length_up_to(std::chrono::seconds most);

}  // namespace voicectl
