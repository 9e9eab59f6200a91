// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/json.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {

/// Problems of documents as SARIF 2.1.0, which code forges show beside the lines that they are
/// about. Valid without problems too: an empty list is a result.
Json problems_as_sarif(const std::vector<Diagnostic>& problems, std::size_t left_out = 0);

}  // namespace voicectl
