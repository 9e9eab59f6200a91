// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/net/http_client.h"

namespace voicectl {

/// ERRORS: kInvalidArgument if the method or a header would break the request apart.
Status check_call(const HttpCall& call);

/// The failure of a call that may not go to `address`.
Error call_forbidden(const HttpCall& call, const std::string& address);

/// Why a call has no answer, naming it without its query, which can hold secrets, and without a
/// user's name.
Error call_failed(const HttpCall& call, ErrorCode code, const std::string& reason);

}  // namespace voicectl
