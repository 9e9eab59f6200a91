// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/session_requests.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_text.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/session_api.h"
#include "runtime/ultravox/timestamp.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMaxName = 200;
constexpr std::size_t kMaxPhone = 50;
constexpr std::size_t kMaxMetadata = 4096;

Error bad_request(std::string_view what) {
  return {ErrorCode::kInvalidArgument, fmt::format("cannot create a session: {}", what)};
}

Result<std::string> required_text(const Json& body, std::string_view key, std::size_t longest) {
  const std::string text = string_or(body, key, "");
  if (text.empty() || text.size() > longest) {
    return bad_request(fmt::format("'{}' must be a text of 1 to {} bytes", key, longest));
  }
  return text;
}

Result<ultravox::CallMedium> parse_medium(const std::string& text) {
  if (text == "webrtc") {
    return ultravox::CallMedium::kWebRtc;
  }
  if (text == "websocket") {
    return ultravox::CallMedium::kServerWebSocket;
  }
  return bad_request("'medium' must be webrtc or websocket");
}

/// The address of the session's events: the tenant's own, with the scheme of WebSockets.
std::string websocket_url(const TenantConfig& config, const Session& session) {
  const std::string& base = config.base_url;
  const std::string path = "/ws/sessions/" + session.session.str();
  return base.substr(0, 4) == "http" ? "ws" + base.substr(4) + path : base + path;
}

/// Whose creation an answer of render_created, of this version or an earlier one, tells.
std::optional<SessionId> created_session(std::string_view body) {
  constexpr std::string_view kName = R"("session_id":")";
  const std::size_t name = body.find(kName);
  if (name == std::string_view::npos || !body.ends_with('}')) {
    return std::nullopt;
  }
  body.remove_prefix(name + kName.size());
  Result<SessionId> id = SessionId::parse(body.substr(0, body.find('"')));
  return id.has_value() ? std::optional(std::move(*id)) : std::nullopt;
}

Result<std::optional<WallTime>> parse_time_of(const std::map<std::string, std::string>& query,
                                              const std::string& name) {
  const auto found = query.find(name);
  if (found == query.end()) {
    return std::optional<WallTime>();
  }
  const Result<WallTime> at = ultravox::parse_timestamp(found->second);
  if (at.has_error()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot list sessions: '{}' must be a time such as "
                             "2026-11-25T22:15:00Z; a '+' is written %2B",
                             name));
  }
  return std::optional(*at);
}

}  // namespace

Result<NewSession> parse_new_session(std::string_view text) {
  VC_TRY(const Json body, parse_json(text, JsonBudget{.bytes = 64 * 1024, .depth = 16}));
  if (!body.is_object()) {
    return bad_request("the body must be a JSON object");
  }
  NewSession asked;
  VC_TRY(asked.customer_name, required_text(body, "customer_name", kMaxName));
  if (body.contains("customer_phone")) {
    VC_TRY(asked.customer_phone, required_text(body, "customer_phone", kMaxPhone));
  }
  VC_TRY(asked.medium, parse_medium(string_or(body, "medium", "webrtc")));
  const auto metadata = body.find("metadata");
  if (metadata != body.end() && !metadata->is_null()) {
    asked.metadata = dump_json(*metadata);
    if (!metadata->is_object() || asked.metadata.size() > kMaxMetadata) {
      return bad_request(
          fmt::format("'metadata' must be an object of at most {} bytes", kMaxMetadata));
    }
  }
  return asked;
}

Result<SessionQuery> parse_session_query(const std::map<std::string, std::string>& query) {
  SessionQuery out;
  if (const auto status = query.find("status"); status != query.end()) {
    out.status = session_status_named(status->second);
    if (!out.status) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot list sessions: '{}' is no status", status->second));
    }
  }
  if (const auto limit = query.find("limit"); limit != query.end()) {
    const std::string& text = limit->second;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out.limit);
    if (problem != std::errc() || end != text.data() + text.size() || out.limit < 1 ||
        out.limit > kMaxPage) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot list sessions: 'limit' must be 1 to {}", kMaxPage));
    }
  }
  if (const auto after = query.find("after"); after != query.end()) {
    out.after = after->second;
  }
  VC_TRY(out.created_after, parse_time_of(query, "created_after"));
  VC_TRY(out.created_before, parse_time_of(query, "created_before"));
  return out;
}

std::string render_page(const SessionPage& page) {
  std::string sessions = "[";
  for (const Session& session : page.sessions) {
    sessions += sessions.size() == 1 ? "" : ",";
    sessions += to_public_text(session);
  }
  JsonText out;
  out.json("sessions", sessions + "]");
  page.next.empty() ? out.json("next", "null") : out.text("next", page.next);
  return out.take();
}

Status require_found(const Result<std::optional<Session>>& found) {
  if (found.has_error()) {
    return found.error();
  }
  if (!found->has_value()) {
    return Error(ErrorCode::kNotFound, "cannot find the session");
  }
  return ok_status();
}

Change end_change(const Session& session, std::string reason, WallTime now) {
  Change change;
  change.session = session;
  if (!is_live(session.status)) {
    return change;
  }
  Session& after = *change.session;
  after.status = SessionStatus::kCompleted;
  after.end_time = now;
  after.end_reason = std::move(reason);
  if (after.start_time) {
    after.duration = std::chrono::round<std::chrono::seconds>(now - *after.start_time);
  }
  change.events = {
      {EventType::kSessionCompleted,
       dump_json(Json{{"end_reason", after.end_reason},
                      {"duration", after.duration ? Json(after.duration->count()) : Json(nullptr)},
                      {"business_outcome", after.business_outcome}})}};
  return change;
}

HttpResponse response_for(const ultravox::UltravoxError& problem) {
  const bool busy = problem.status == 429 || problem.status == 503;
  int status = 502;
  std::string_view code = "voice_service_refused";
  if (problem.error.code() == ErrorCode::kTimeout) {
    status = 504;
    code = "voice_service_timeout";
  } else if (problem.status == 429) {
    status = 429;
    code = "voice_service_busy";
  } else if (problem.error.code() == ErrorCode::kUnavailable) {
    status = 503;
    code = "voice_service_unavailable";
  }
  // The service's own words may hold our key or address: they are for the log.
  HttpResponse response =
      error_response(status, code, "cannot create a call at the voice service; try again later");
  if (busy) {
    const auto wait = problem.retry_after.value_or(std::chrono::seconds(5));
    response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  }
  return response;
}

std::string render_created(const TenantConfig& config, const Session& session) {
  const WallTime expires = session.created_at + config.limits.duration;
  JsonText out;
  return out.text("session_id", session.session.str())
      .text("tenant", session.tenant.str())
      .text("status", name_of(session.status))
      .text("join_url", session.join_url)
      .text("ultravox_call_id", session.ultravox_call_id)
      .text("websocket_url", websocket_url(config, session))
      .text("created_at", format_wall_time(session.created_at))
      .text("expires_at", format_wall_time(expires))
      .take();
}

HttpResponse render_stored(const TenantConfig& config, const StoredResponse& response) {
  const auto session = response.status == 201 ? created_session(response.body) : std::nullopt;
  if (!session) {
    return json_response(response.status, response.body);
  }
  std::string body = response.body;
  body.pop_back();
  body.append(",\"token\":");
  append_json_string(body, make_session_token(config.tool_secret, *session).reveal());
  body += '}';
  return json_response(response.status, std::move(body));
}

}  // namespace voicectl::runtime
