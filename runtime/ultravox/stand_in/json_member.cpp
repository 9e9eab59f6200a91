// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/json_member.h"

#include <nlohmann/json.hpp>

namespace voicectl::ultravox {

const Json& member_or_null(const Json& value, std::string_view name) {
  static const Json kNothing;
  const auto found = value.find(name);
  return found == value.end() ? kNothing : *found;
}

}  // namespace voicectl::ultravox
