// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace voicectl {

/// Without the program's own flags and their values, wherever they stand.
std::vector<std::string> without_program_flags(const std::vector<std::string>& arguments);

/// The first flag of `known` that is written as "--flag=", with nothing behind it. CLI11 would take
/// the next argument for its value.
std::optional<std::string> find_empty_flag(const std::vector<std::string>& arguments,
                                           const std::set<std::string>& known);

/// Whether --detailed-exitcode was given, also on a command line that cannot be read.
bool asks_for_detailed_code(const std::vector<std::string>& arguments);

}  // namespace voicectl
