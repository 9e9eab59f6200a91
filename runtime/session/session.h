// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace voicectl::runtime {

/// kInitializing: stored, its call is being created. kReady: it can be joined. kActive: the call
/// goes on. The last two are final.
enum class SessionStatus { kInitializing, kReady, kActive, kCompleted, kFailed };
std::string_view name_of(SessionStatus status);
std::optional<SessionStatus> session_status_named(std::string_view text);

constexpr bool is_live(SessionStatus status) {
  return status != SessionStatus::kCompleted && status != SessionStatus::kFailed;
}

struct ToolCallRecord {
  std::string tool;
  /// JSON texts.
  std::string parameters = "{}";
  std::string result = "{}";
  WallTime timestamp;
};

/// One live call, or the record of one that ended.
struct Session {
  Session(SessionId id, TenantId owner) : session(std::move(id)), tenant(std::move(owner)) {}

  SessionId session;
  TenantId tenant;
  std::string business_type;
  std::string ultravox_call_id;
  std::string join_url;
  std::string customer_name;
  std::string customer_phone;
  /// JSON object of what is known of a caller who called before; "{}" for a new one.
  std::string known_customer = "{}";
  SessionStatus status = SessionStatus::kInitializing;
  WallTime created_at;
  std::optional<WallTime> start_time;
  std::optional<WallTime> end_time;
  std::optional<std::chrono::seconds> duration;
  std::optional<std::chrono::seconds> billed_duration;
  std::string end_reason;
  std::string transcript;
  /// What the call was about, in the voice service's words.
  std::string summary;
  /// How far the conversation is: "greeting", "collecting", "done".
  std::string step = "greeting";
  /// JSON object of what the caller told so far.
  std::string extracted_data = "{}";
  std::optional<ToolCallRecord> last_tool_call;
  std::string business_outcome;
  std::string reference_doctype;
  std::string reference_document;
  /// Which instance served it last.
  std::string instance;
  /// JSON object that the creator of the session gave.
  std::string metadata = "{}";
  /// SHA-256 of the token that opens this one session.
  std::string token_sha256;
  /// Key of the request that created it, so that a repeated request goes on with it.
  std::string request_key;
  /// Number of its last event; events count from 1 without gaps.
  std::uint64_t last_seq = 0;
  std::uint64_t tool_calls = 0;
  /// Deliveries of its call that took effect: "<call id>/<event>".
  std::vector<std::string> deliveries;
};

/// "<tenant>_<random>".
/// REQUIRES: `random_part` is 16 to 64 characters of [a-z0-9].
SessionId make_session_id(const TenantId& tenant, std::string_view random_part);

/// Whether the session's name says that it is this tenant's.
bool belongs_to(const SessionId& session, const TenantId& tenant);

/// What an API answers: everything but hashes, keys and bookkeeping. A JSON object, as text and as
/// a value. REQUIRES: the session's JSON texts are JSON, which those of a store are.
std::string to_public_text(const Session& session);
Json to_public_json(const Session& session);

/// The whole session for the store, and back. Unknown members are ignored and missing ones take
/// their defaults, so that an older program reads what a newer one wrote.
/// ERRORS: kCorrupt.
std::string to_stored_text(const Session& session);
Result<Session> session_of_stored_text(std::string_view text);

}  // namespace voicectl::runtime
