// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/hmac_key.h"
#include "base/ids.h"
#include "base/secret.h"

namespace voicectl::runtime {

/// make_tool_token for the many calls of one tenant.
class ToolTokens {
 public:
  explicit ToolTokens(const Secret& tool_secret) : key_(tool_secret.reveal()) {}
  Secret of(const SessionId& session) { return Secret(key_.hex(session.str())); }

 private:
  HmacSha256Key key_;
};

}  // namespace voicectl::runtime
