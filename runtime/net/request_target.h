// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace voicectl {

/// What a request asks for, decoded.
struct RequestTarget {
  std::string path;
  std::map<std::string, std::string> query;
};

/// Parses an origin-form target such as "/v1/sessions?limit=5".
///
/// One path has one spelling here: "..", "//" and an encoded slash are refused rather than
/// resolved, because nginx in front may resolve them in another order. In the query '+' is a
/// space and a key may stand once.
/// ERRORS: kInvalidArgument.
Result<RequestTarget> parse_request_target(std::string_view target);

}  // namespace voicectl
