// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/auth.h"

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

std::optional<KeyScope> find_scope(const std::vector<ApiKey>& keys, std::string_view credential) {
  const std::string hash = sha256_hex(credential);
  std::optional<KeyScope> found;
  for (const ApiKey& key : keys) {
    if (equal_in_constant_time(key.sha256, hash)) {
      found = key.scope;
    }
  }
  return found;
}

Secret make_session_token(const Secret& tool_secret, const SessionId& session) {
  // The prefix keeps it apart from the tool's token, which follows from the same secret.
  const std::string full = hmac_sha256_hex(tool_secret.reveal(), "session-token:" + session.str());
  return Secret(full.substr(0, kTokenLength));
}

bool opens_session(const Session& session, std::string_view credential) {
  return !session.token_sha256.empty() &&
         equal_in_constant_time(session.token_sha256, sha256_hex(credential));
}

}  // namespace voicectl::runtime
