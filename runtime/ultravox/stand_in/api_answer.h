// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/net/http_message.h"

/// Answers in the form of Ultravox's API.
namespace voicectl::ultravox {

/// `{"detail": "..."}`: what its errors look like.
HttpResponse detail(int status, std::string_view text);

/// The status that fits: 400, 404, 422, else 500.
HttpResponse refusal(const Error& error);

/// 204 without a body.
HttpResponse no_content();

/// One page of `items` (JSON texts) in the API's envelope, as `cursor` and `pageSize` of the
/// request ask; `url` is the address of the list.
HttpResponse page(const std::vector<std::string>& items,
                  const HttpRequest& request,
                  const std::string& url);

}  // namespace voicectl::ultravox
