// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

enum class EventKind {
  kCallStarted,
  kCallJoined,
  kCallEnded,
  kCallBilled,
  kUnknown,  ///< a kind that this version does not know; to be acknowledged and left alone
};
/// As the API writes it: "call.started".
std::string_view name_of(EventKind kind);

/// What a webhook or callback tells. Events have no id of their own: the same call and name are
/// the same event.
struct CallEvent {
  EventKind kind = EventKind::kUnknown;
  /// As it came, also for unknown kinds.
  std::string name;
  Call call;
};

/// Reads the body of a webhook: `{"event":"call.ended","call":{...}}`. Unknown members, nulls and
/// unknown values are accepted; the event's name and the call's id must be there.
/// ERRORS: kInvalidArgument, kResourceExhausted (over the default JSON budget).
Result<CallEvent> parse_event(std::string_view body);

/// The body for an event of a call, given as JSON text in the API's own form.
/// REQUIRES: `call_json` is a JSON object.
std::string render_event(std::string_view event, std::string_view call_json);

/// What signs a webhook: lower-case hexadecimal HMAC-SHA256 over the raw body followed by the
/// text of the timestamp header.
std::string sign_event(const Secret& secret, std::string_view body, std::string_view timestamp);

inline constexpr std::string_view kTimestampHeader = "X-Ultravox-Webhook-Timestamp";
inline constexpr std::string_view kSignatureHeader = "X-Ultravox-Webhook-Signature";

}  // namespace voicectl::ultravox
