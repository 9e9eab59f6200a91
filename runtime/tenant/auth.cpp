// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/auth.h"

#include <algorithm>

#include "base/crypto.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr std::size_t kTokenLength = 32;

}  // namespace

std::optional<std::string> find_credential(const HttpRequest& request) {
  const auto authorization = request.header("Authorization");
  if (authorization && authorization->substr(0, kBearer.size()) == kBearer) {
    return std::string(authorization->substr(kBearer.size()));
  }
  if (const auto key = request.header("X-API-Key")) {
    return std::string(*key);
  }
  const auto token = request.query.find("token");
  return token == request.query.end() ? std::nullopt : std::optional(token->second);
}

const ApiKey* find_key(const std::vector<ApiKey>& keys, std::string_view credential, WallTime now) {
  const std::string hash = sha256_hex(credential);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys) {
    if (equal_in_constant_time(key.sha256, hash)) {
      found = &key;
    }
  }
  return found != nullptr && is_in_force(*found, now) ? found : nullptr;
}

const ApiKey* find_key_by_id(const std::vector<ApiKey>& keys, std::string_view id) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const ApiKey& key) { return key.id == id; });
  return found == keys.end() ? nullptr : &*found;
}

bool is_in_force(const ApiKey& key, WallTime now) {
  return !key.expires_at || now < *key.expires_at;
}

Secret make_session_token(const Secret& tool_secret, const SessionId& session) {
  // The prefix keeps it apart from the tool's token, which follows from the same secret.
  const std::string full = hmac_sha256_hex(tool_secret.reveal(), "session-token:" + session.str());
  return Secret(full.substr(0, kTokenLength));
}

std::optional<WallTime> token_end(const Session& session) {
  if (is_live(session.status)) {
    return std::nullopt;
  }
  return session.end_time.value_or(session.created_at) + kTokenAfterEnd;
}

bool opens_session(const Session& session, std::string_view credential, WallTime now) {
  const std::optional<WallTime> end = token_end(session);
  return !session.token_sha256.empty() && (!end || now < *end) &&
         equal_in_constant_time(session.token_sha256, sha256_hex(credential));
}

}  // namespace voicectl::runtime
