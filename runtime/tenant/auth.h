// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "runtime/net/http_message.h"
#include "runtime/session/session.h"
#include "runtime/tenant/config.h"

namespace voicectl::runtime {

/// What the request shows to be let in: `Authorization: Bearer`, `X-API-Key`, or `?token=` (a
/// browser's WebSocket can send no header). nullopt if it shows nothing.
std::optional<std::string> find_credential(const HttpRequest& request);

/// The key of this tenant that `credential` is, unless it has expired; nullptr for any other text.
/// Every key is compared, in constant time.
const ApiKey* find_key(const std::vector<ApiKey>& keys, std::string_view credential, WallTime now);

/// The key of that id, expired or not; nullptr if there is none.
const ApiKey* find_key_by_id(const std::vector<ApiKey>& keys, std::string_view id);

/// Whether `key` opens anything at that time.
bool is_in_force(const ApiKey& key, WallTime now);

/// The token that opens one session: 32 characters that follow from its name and our secret, so
/// that an answer can be given again although only the token's SHA-256 is kept.
Secret make_session_token(const Secret& tool_secret, const SessionId& session);

/// How long after a session's end its token, and the sockets that follow the session, still work:
/// for the transcript that comes behind the call, and for a page that shows how it ended.
inline constexpr std::chrono::minutes kTokenAfterEnd{15};

/// When the session's token ends; nullopt while the session lives.
std::optional<WallTime> token_end(const Session& session);

/// Whether `credential` is the token of `session` and has not ended.
bool opens_session(const Session& session, std::string_view credential, WallTime now);

}  // namespace voicectl::runtime
