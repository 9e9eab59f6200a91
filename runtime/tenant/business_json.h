// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "runtime/backend/business.h"

namespace voicectl::runtime {

/// Reads what a tenant's document says about its business. REQUIRES: `tenant` is an object.
/// ERRORS: kInvalidArgument for a price, opening hours or a business type that make no sense.
Result<Business> business_of_json(const Json& tenant);

}  // namespace voicectl::runtime
