// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"

namespace voicectl {

/// A plan (schema voicectl/plan/v1) for the comment of a merge request: a table of what it comes
/// to, and the steps with their reasons, folded away.
///
/// What tenants are called stands in it: it is escaped, so that no name can forge a line.
std::string plan_as_markdown(const Json& plan);

}  // namespace voicectl
