// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace voicectl {

/// The object that an instance answered: nobody has read it before.
/// ERRORS: `reply`'s own; kCorrupt, naming the instance, for what is no JSON object or more than a
/// document from outside may cost.
Result<Json> read_reply(const InstanceId& instance, const Result<std::string>& reply);

}  // namespace voicectl
