// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "runtime/net/http_message.h"

namespace voicectl {

/// What a request's query says of `key`.
inline std::string query_or(const HttpRequest& request,
                            const std::string& key,
                            std::string fallback) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::move(fallback) : found->second;
}

}  // namespace voicectl
