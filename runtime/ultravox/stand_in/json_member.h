// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/json.h"

namespace voicectl::ultravox {

/// The member of that name; null if there is none or `value` is no object. It lives as long as
/// `value` does.
const Json& member_or_null(const Json& value, std::string_view name);

}  // namespace voicectl::ultravox
