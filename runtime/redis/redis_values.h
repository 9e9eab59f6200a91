// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "runtime/redis/redis_reply.h"
#include "runtime/session/session.h"
#include "runtime/session/session_event.h"
#include "runtime/session/stored_values.h"

/// How a session store's values look inside Redis. All `*_of` are ERRORS: kCorrupt.
namespace voicectl::runtime {

/// Milliseconds since 1970.
std::string redis_time(WallTime at);

/// An entry of an events stream, as XRANGE gives it: [id, [name, value, ...]].
Result<SessionEvent> event_of(const RedisReply& entry);

std::string to_redis_text(const BusinessRecord& record, const SessionId& session, WallTime at);
Result<KeptRecord> kept_record_of(std::string_view text);

/// "<milliseconds> <body>", and what tells one from another: "<length of call>:<call>/<event>".
std::string to_redis_text(const InboxEntry& entry);
std::string inbox_field(const InboxEntry& entry);
/// The entry of such a field and text.
Result<InboxEntry> inbox_entry_of(std::string_view field, std::string_view text);

std::string to_redis_text(const OutboxEntry& entry);
Result<OutboxEntry> outbox_entry_of(std::string_view text);

std::string to_redis_text(const Customer& customer);
Result<Customer> customer_of(std::string_view text);

/// "<status> <milliseconds> <body>": the body is JSON already and is not wrapped again.
std::string to_redis_text(const StoredResponse& response);
Result<StoredResponse> response_of(std::string request_key, std::string_view text);

/// What one session comes to, as a bill and a report need it.
struct UsageRecord {
  std::string session;
  WallTime created_at;
  SessionStatus status = SessionStatus::kCompleted;
  std::string outcome;
  std::chrono::seconds duration{0};
  std::chrono::seconds billed_duration{0};
  std::uint64_t tool_calls = 0;
};
UsageRecord usage_record(const Session& session);
/// The same text for the same session, so that a record can be found to be replaced.
std::string to_redis_text(const UsageRecord& record);
Result<UsageRecord> usage_record_of(std::string_view text);

/// JSON of a tool call as one turn of a conversation, at most a KiB.
std::string render_turn(const ToolCallRecord& call);
/// Tells a session's last tool call from the one before.
std::size_t turn_mark(const Session& session);

/// JSON of where a conversation stands. REQUIRES: `turns` are of `render_turn`.
std::string render_context(const Session& session, const std::deque<std::string>& turns);
/// The turns in such a text; none if it is not of this form.
std::deque<std::string> turns_of_context(std::string_view text);

}  // namespace voicectl::runtime
