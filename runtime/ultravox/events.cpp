// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/events.h"

#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/json.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::ultravox {
namespace {

EventKind event_kind_named(std::string_view name) {
  constexpr std::array kAll = {EventKind::kCallStarted, EventKind::kCallJoined,
                               EventKind::kCallEnded, EventKind::kCallBilled};
  for (const EventKind kind : kAll) {
    if (name_of(kind) == name) {
      return kind;
    }
  }
  return EventKind::kUnknown;
}

}  // namespace

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kCallStarted:
      return "call.started";
    case EventKind::kCallJoined:
      return "call.joined";
    case EventKind::kCallEnded:
      return "call.ended";
    case EventKind::kCallBilled:
      return "call.billed";
    case EventKind::kUnknown:
      break;
  }
  return "unknown";
}

Result<CallEvent> parse_event(std::string_view body) {
  VC_TRY(const Json parsed, parse_json(body));
  const auto call = parsed.find("call");
  if (call == parsed.end() || !call->is_object()) {
    return Error(ErrorCode::kInvalidArgument, "cannot read an event: it has no call");
  }
  CallEvent event;
  VC_TRY(event.name, require_string(parsed, "event"));
  event.kind = event_kind_named(event.name);
  Result<Call> read = parse_call(*call);
  if (read.has_error()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read an event: {}", read.error().message()));
  }
  event.call = std::move(*read);
  return event;
}

std::string render_event(std::string_view event, std::string_view call_json) {
  const Json name = event;
  return fmt::format(R"({{"event":{},"call":{}}})", dump_json(name), call_json);
}

std::string sign_event(const Secret& secret, std::string_view body, std::string_view timestamp) {
  return hmac_sha256_hex(secret.reveal(), std::string(body).append(timestamp));
}

}  // namespace voicectl::ultravox
