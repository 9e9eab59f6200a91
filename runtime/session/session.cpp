// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json_text.h"

namespace voicectl::runtime {
namespace {

constexpr SessionStatus kStatuses[] = {SessionStatus::kInitializing, SessionStatus::kReady,
                                       SessionStatus::kActive, SessionStatus::kCompleted,
                                       SessionStatus::kFailed};

/// JSON text as a value; what cannot be read is an empty object.
Json embedded(const std::string& text) {
  Result<Json> parsed = parse_json(text);
  return parsed.has_error() ? Json::object() : std::move(*parsed);
}

Json time_or_null(const std::optional<WallTime>& at) {
  return at ? Json(format_wall_time(*at)) : Json(nullptr);
}

Json seconds_or_null(const std::optional<std::chrono::seconds>& length) {
  return length ? Json(length->count()) : Json(nullptr);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

std::int64_t milliseconds(WallTime at) {
  return at.time_since_epoch().count();
}

WallTime wall_time(std::int64_t number) {
  return WallTime(std::chrono::milliseconds(number));
}

std::optional<WallTime> optional_time(const Json& object, std::string_view key) {
  const std::int64_t number = integer_or(object, key, -1);
  return number < 0 ? std::nullopt : std::optional(wall_time(number));
}

std::optional<std::chrono::seconds> optional_seconds(const Json& object, std::string_view key) {
  const std::int64_t number = integer_or(object, key, -1);
  return number < 0 ? std::nullopt : std::optional(std::chrono::seconds(number));
}

Json public_tool_call(const ToolCallRecord& call) {
  return {{"tool", call.tool},
          {"parameters", embedded(call.parameters)},
          {"result", embedded(call.result)},
          {"timestamp", format_wall_time(call.timestamp)}};
}

void put_times(JsonText& out, const Session& session) {
  out.number("created_at", milliseconds(session.created_at));
  if (session.start_time) {
    out.number("start_time", milliseconds(*session.start_time));
  }
  if (session.end_time) {
    out.number("end_time", milliseconds(*session.end_time));
  }
  if (session.duration) {
    out.number("duration", session.duration->count());
  }
  if (session.billed_duration) {
    out.number("billed_duration", session.billed_duration->count());
  }
}

void put_lists(JsonText& out, const Session& session) {
  std::string deliveries = "[";
  for (const std::string& delivery : session.deliveries) {
    deliveries += deliveries.size() == 1 ? "" : ",";
    append_json_string(deliveries, delivery);
  }
  out.json("deliveries", deliveries + "]");
  if (const auto& call = session.last_tool_call) {
    JsonText told;
    told.text("tool", call->tool)
        .text("parameters", call->parameters)
        .text("result", call->result)
        .number("timestamp", milliseconds(call->timestamp));
    out.json("last_tool_call", told.take());
  }
}

void read_texts(const Json& from, Session& session) {
  session.business_type = string_or(from, "business_type", "");
  session.ultravox_call_id = string_or(from, "call_id", "");
  session.join_url = string_or(from, "join_url", "");
  session.customer_name = string_or(from, "customer_name", "");
  session.customer_phone = string_or(from, "customer_phone", "");
  session.known_customer = string_or(from, "known_customer", "{}");
  session.end_reason = string_or(from, "end_reason", "");
  session.transcript = string_or(from, "transcript", "");
  session.summary = string_or(from, "summary", "");
  session.step = string_or(from, "step", "");
  session.extracted_data = string_or(from, "extracted_data", "{}");
  session.business_outcome = string_or(from, "business_outcome", "");
  session.reference_doctype = string_or(from, "reference_doctype", "");
  session.reference_document = string_or(from, "reference_document", "");
  session.instance = string_or(from, "instance", "");
  session.metadata = string_or(from, "metadata", "{}");
  session.token_sha256 = string_or(from, "token_sha256", "");
  session.request_key = string_or(from, "request_key", "");
}

void read_times(const Json& from, Session& session) {
  session.created_at = wall_time(integer_or(from, "created_at", 0));
  session.start_time = optional_time(from, "start_time");
  session.end_time = optional_time(from, "end_time");
  session.duration = optional_seconds(from, "duration");
  session.billed_duration = optional_seconds(from, "billed_duration");
}

void read_lists(const Json& from, Session& session) {
  if (const auto found = from.find("last_tool_call"); found != from.end()) {
    session.last_tool_call = ToolCallRecord{
        string_or(*found, "tool", ""), string_or(*found, "parameters", "{}"),
        string_or(*found, "result", "{}"), wall_time(integer_or(*found, "timestamp", 0))};
  }
  const auto deliveries = from.find("deliveries");
  if (deliveries == from.end() || !deliveries->is_array()) {
    return;
  }
  for (const Json& delivery : *deliveries) {
    if (delivery.is_string()) {
      session.deliveries.push_back(delivery.get<std::string>());
    }
  }
}

}  // namespace

std::string_view name_of(SessionStatus status) {
  switch (status) {
    case SessionStatus::kInitializing:
      return "initializing";
    case SessionStatus::kReady:
      return "ready";
    case SessionStatus::kActive:
      return "active";
    case SessionStatus::kCompleted:
      return "completed";
    case SessionStatus::kFailed:
      return "failed";
  }
  return "failed";
}

std::optional<SessionStatus> session_status_named(std::string_view text) {
  for (const SessionStatus status : kStatuses) {
    if (name_of(status) == text) {
      return status;
    }
  }
  return std::nullopt;
}

SessionId make_session_id(const TenantId& tenant, std::string_view random_part) {
  Result<SessionId> made = SessionId::parse(tenant.str() + "_" + std::string(random_part));
  VC_CHECK(made.has_value(), "the random part is made of [a-z0-9] and long enough");
  return std::move(*made);
}

bool belongs_to(const SessionId& session, const TenantId& tenant) {
  // A tenant's name has no underscore, so the part before the first one is the whole name.
  return session.str().substr(0, session.str().find('_')) == tenant.str();
}

Json to_public_json(const Session& session) {
  return {
      {"session_id", session.session.str()},
      {"tenant", session.tenant.str()},
      {"namespace", "business:" + session.tenant.str()},
      {"ultravox_call_id", text_or_null(session.ultravox_call_id)},
      {"join_url", text_or_null(session.join_url)},
      {"customer_name", session.customer_name},
      {"customer_phone", session.customer_phone},
      {"known_customer", embedded(session.known_customer)},
      {"business_type", session.business_type},
      {"status", name_of(session.status)},
      {"created_at", format_wall_time(session.created_at)},
      {"start_time", time_or_null(session.start_time)},
      {"end_time", time_or_null(session.end_time)},
      {"duration", seconds_or_null(session.duration)},
      {"billed_duration", seconds_or_null(session.billed_duration)},
      {"end_reason", text_or_null(session.end_reason)},
      {"transcript", text_or_null(session.transcript)},
      {"summary", text_or_null(session.summary)},
      {"context", {{"step", session.step}, {"extracted_data", embedded(session.extracted_data)}}},
      {"last_tool_call",
       session.last_tool_call ? public_tool_call(*session.last_tool_call) : Json(nullptr)},
      {"business_outcome", text_or_null(session.business_outcome)},
      {"reference_doctype", text_or_null(session.reference_doctype)},
      {"reference_document", text_or_null(session.reference_document)},
      {"node_server_id", session.instance},
      {"metadata", embedded(session.metadata)},
      {"tool_calls", session.tool_calls},
      {"last_seq", session.last_seq}};
}

std::string to_stored_text(const Session& session) {
  JsonText out;
  out.text("session", session.session.str())
      .text("tenant", session.tenant.str())
      .text("business_type", session.business_type)
      .text("call_id", session.ultravox_call_id)
      .text("join_url", session.join_url)
      .text("customer_name", session.customer_name)
      .text("customer_phone", session.customer_phone)
      .text("known_customer", session.known_customer)
      .text("status", name_of(session.status))
      .text("end_reason", session.end_reason)
      .text("transcript", session.transcript)
      .text("summary", session.summary)
      .text("step", session.step)
      .text("extracted_data", session.extracted_data)
      .text("business_outcome", session.business_outcome)
      .text("reference_doctype", session.reference_doctype)
      .text("reference_document", session.reference_document)
      .text("instance", session.instance)
      .text("metadata", session.metadata)
      .text("token_sha256", session.token_sha256)
      .text("request_key", session.request_key)
      .number("last_seq", static_cast<std::int64_t>(session.last_seq))
      .number("tool_calls", static_cast<std::int64_t>(session.tool_calls));
  put_times(out, session);
  put_lists(out, session);
  return out.take();
}

Result<Session> session_of_stored_text(std::string_view text) {
  const Error corrupt(ErrorCode::kCorrupt, "cannot read a session from the store: not its form");
  const Result<Json> parsed = parse_json(text);
  if (parsed.has_error() || !parsed->is_object()) {
    return corrupt;
  }
  const Json& from = *parsed;
  Result<SessionId> id = SessionId::parse(string_or(from, "session", ""));
  Result<TenantId> tenant = TenantId::parse(string_or(from, "tenant", ""));
  const auto status = session_status_named(string_or(from, "status", ""));
  if (id.has_error() || tenant.has_error() || !status) {
    return corrupt;
  }
  Session session(std::move(*id), std::move(*tenant));
  session.status = *status;
  read_texts(from, session);
  read_times(from, session);
  read_lists(from, session);
  session.last_seq = static_cast<std::uint64_t>(integer_or(from, "last_seq", 0));
  session.tool_calls = static_cast<std::uint64_t>(integer_or(from, "tool_calls", 0));
  return session;
}

}  // namespace voicectl::runtime
