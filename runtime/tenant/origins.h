// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "runtime/tenant/config.h"
#include "runtime/tenant/exchange.h"

namespace voicectl::runtime {

/// Whether a page of that origin ("https://shop.example.com:8443") may use the tenant's API: its
/// own host, its custom domains (both with either scheme and any port), and exactly the origins
/// that it allows. "null" and whatever is no web origin may not. Pure.
bool is_allowed_origin(const TenantConfig& config, std::string_view origin);

/// The answer to a browser that asks before it sends a request (CORS preflight). `methods`: value
/// of an Allow header.
HttpResponse preflight_answer(std::string_view methods);

/// Whether the request is such a question.
bool is_preflight(const HttpRequest& request);

}  // namespace voicectl::runtime
