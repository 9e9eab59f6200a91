// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "provisioner/plan/action.h"

namespace voicectl {

/// Actions of every kind, at least one of each, with something in every field.
const std::vector<Action>& one_of_each();

}  // namespace voicectl
