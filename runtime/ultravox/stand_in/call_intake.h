// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// Reads the body of POST /api/calls as loosely as the real service does: nothing is required,
/// null counts as absent, members that are not known are left alone.
///
/// Credentials of a tool come back as static parameters at the place where they travel. Tools
/// that are not called over HTTP have no address.
/// ERRORS: kInvalidArgument, naming the member.
Result<CallRequest> parse_call_request(const Json& body);

}  // namespace voicectl::ultravox
