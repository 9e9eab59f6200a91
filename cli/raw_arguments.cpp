// SPDX-License-Identifier: Apache-2.0
#include "cli/raw_arguments.h"

#include <algorithm>

namespace voicectl {

std::vector<std::string> without_program_flags(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    if (name == "--socket") {
      i += arguments[i] == name ? 1 : 0;
    } else if (name != "--no-color" && name != "--no-input") {
      out.push_back(arguments[i]);
    }
  }
  return out;
}

std::optional<std::string> find_empty_flag(const std::vector<std::string>& arguments,
                                           const std::set<std::string>& known) {
  for (const std::string& argument : arguments) {
    if (argument.ends_with('=') && argument.find('=') == argument.size() - 1 &&
        known.contains(argument.substr(0, argument.size() - 1))) {
      return argument.substr(0, argument.size() - 1);
    }
  }
  return std::nullopt;
}

bool asks_for_detailed_code(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
    return argument.substr(0, argument.find('=')) == "--detailed-exitcode";
  });
}

}  // namespace voicectl
