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

/// Bytes of a session in the middle of a call, as text.
constexpr std::size_t kUsualText = 2048;

/// For what we wrote ourselves: one session that has become long must not keep its tenant from
/// opening.
constexpr JsonBudget kOwnBudget{
    .bytes = std::size_t{256} << 20, .depth = 256, .nodes = std::size_t{1} << 24};

/// JSON text that was stored; what cannot be read is an empty object. So whoever renders a session
/// may set it in as it is.
std::string json_or_empty(const Json& object, std::string_view key) {
  std::string text = string_or(object, key, "{}");
  return text == "{}" || parse_json(text, kOwnBudget).has_value() ? text : "{}";
}

void put_time(JsonText& out, std::string_view key, const std::optional<WallTime>& at) {
  at ? out.text(key, format_wall_time(*at)) : out.json(key, "null");
}

void put_seconds(JsonText& out,
                 std::string_view key,
                 const std::optional<std::chrono::seconds>& length) {
  length ? out.number(key, length->count()) : out.json(key, "null");
}

void put_text(JsonText& out, std::string_view key, std::string_view text) {
  text.empty() ? out.json(key, "null") : out.text(key, text);
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

void put_public_tool_call(JsonText& out, const std::optional<ToolCallRecord>& call) {
  if (!call) {
    out.json("last_tool_call", "null");
    return;
  }
  out.begin_object("last_tool_call")
      .text("tool", call->tool)
      .json("parameters", call->parameters)
      .json("result", call->result)
      .text("timestamp", format_wall_time(call->timestamp))
      .end_object();
}

void put_public_results(JsonText& out, const Session& session) {
  put_text(out, "end_reason", session.end_reason);
  put_text(out, "transcript", session.transcript);
  put_text(out, "summary", session.summary);
  out.begin_object("context")
      .text("step", session.step)
      .json("extracted_data", session.extracted_data)
      .end_object();
  put_public_tool_call(out, session.last_tool_call);
  put_text(out, "business_outcome", session.business_outcome);
  put_text(out, "reference_doctype", session.reference_doctype);
  put_text(out, "reference_document", session.reference_document);
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
    out.begin_object("last_tool_call")
        .text("tool", call->tool)
        .text("parameters", call->parameters)
        .text("result", call->result)
        .number("timestamp", milliseconds(call->timestamp))
        .end_object();
  }
}

void read_texts(const Json& from, Session& session) {
  session.business_type = string_or(from, "business_type", "");
  session.ultravox_call_id = string_or(from, "call_id", "");
  session.join_url = string_or(from, "join_url", "");
  session.customer_name = string_or(from, "customer_name", "");
  session.customer_phone = string_or(from, "customer_phone", "");
  session.known_customer = json_or_empty(from, "known_customer");
  session.end_reason = string_or(from, "end_reason", "");
  session.transcript = string_or(from, "transcript", "");
  session.summary = string_or(from, "summary", "");
  session.step = string_or(from, "step", "");
  session.extracted_data = json_or_empty(from, "extracted_data");
  session.business_outcome = string_or(from, "business_outcome", "");
  session.reference_doctype = string_or(from, "reference_doctype", "");
  session.reference_document = string_or(from, "reference_document", "");
  session.instance = string_or(from, "instance", "");
  session.metadata = json_or_empty(from, "metadata");
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
        string_or(*found, "tool", ""), json_or_empty(*found, "parameters"),
        json_or_empty(*found, "result"), wall_time(integer_or(*found, "timestamp", 0))};
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

std::string to_public_text(const Session& session) {
  JsonText out(kUsualText);
  out.text("session_id", session.session.str())
      .text("tenant", session.tenant.str())
      .text("namespace", "business:" + session.tenant.str());
  put_text(out, "ultravox_call_id", session.ultravox_call_id);
  put_text(out, "join_url", session.join_url);
  out.text("customer_name", session.customer_name)
      .text("customer_phone", session.customer_phone)
      .json("known_customer", session.known_customer)
      .text("business_type", session.business_type)
      .text("status", name_of(session.status))
      .text("created_at", format_wall_time(session.created_at));
  put_time(out, "start_time", session.start_time);
  put_time(out, "end_time", session.end_time);
  put_seconds(out, "duration", session.duration);
  put_seconds(out, "billed_duration", session.billed_duration);
  put_public_results(out, session);
  return out.text("node_server_id", session.instance)
      .json("metadata", session.metadata)
      .number("tool_calls", static_cast<std::int64_t>(session.tool_calls))
      .number("last_seq", static_cast<std::int64_t>(session.last_seq))
      .take();
}

Json to_public_json(const Session& session) {
  Result<Json> parsed = parse_json(to_public_text(session), kOwnBudget);
  return parsed.has_error() ? Json::object() : std::move(*parsed);
}

std::string to_stored_text(const Session& session) {
  JsonText out(kUsualText);
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
  const Result<Json> parsed = parse_json(text, kOwnBudget);
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
