// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/net/http_message.h"
#include "runtime/session/session.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"
#include "runtime/tenant/call_request.h"
#include "runtime/ultravox/ultravox_error.h"

/// What requests about sessions say, and what is answered to them. All pure.
namespace voicectl::runtime {

/// Body of POST /api/sessions.
struct NewSession {
  std::string customer_name;
  std::string customer_phone;
  /// JSON object.
  std::string metadata = "{}";
  ultravox::CallMedium medium = ultravox::CallMedium::kWebRtc;
};

/// ERRORS: kInvalidArgument, naming the member.
Result<NewSession> parse_new_session(std::string_view body);

/// Most sessions on one page.
inline constexpr std::uint32_t kMaxPage = 200;

/// Reads `status`, `limit` and `after`. ERRORS: kInvalidArgument.
Result<SessionQuery> parse_session_query(const std::map<std::string, std::string>& query);

/// {"sessions":[...],"next":"..."|null}
std::string render_page(const SessionPage& page);

/// The failure to read a session, or kNotFound if there is none.
Status require_found(const Result<std::optional<Session>>& found);

/// What ending does to a session; nothing if it has ended before.
Change end_change(const Session& session, std::string reason, WallTime now);

/// The answer when no call could be made: 504, 429 or 503 with Retry-After, else 502.
HttpResponse response_for(const ultravox::UltravoxError& problem);

}  // namespace voicectl::runtime
