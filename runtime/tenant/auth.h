// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "runtime/net/http_message.h"
#include "runtime/session/session.h"
#include "runtime/tenant/config.h"

namespace voicectl::runtime {

/// What the request shows to be let in: `Authorization: Bearer`, `X-API-Key`, or `?token=` (a
/// browser's WebSocket can send no header). nullopt if it shows nothing.
std::optional<std::string> find_credential(const HttpRequest& request);

/// The scope of an API key of this tenant; nullopt for any other text. Every key is compared, in
/// constant time.
std::optional<KeyScope> find_scope(const std::vector<ApiKey>& keys, std::string_view credential);

/// The token that opens one session: 32 characters that follow from its name and our secret, so
/// that an answer can be given again although only the token's SHA-256 is kept.
Secret make_session_token(const Secret& tool_secret, const SessionId& session);

/// Whether `credential` is the token of `session`.
bool opens_session(const Session& session, std::string_view credential);

}  // namespace voicectl::runtime
