// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// Reads `selectedTools`. ERRORS: kInvalidArgument, naming the member.
Result<std::vector<UltravoxTool>> parse_tools(const Json& selected);

}  // namespace voicectl::ultravox
