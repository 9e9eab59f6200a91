// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/webhook_api.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"
#include "runtime/tenant/admission.h"
#include "runtime/webhook/signature.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {
namespace {

/// What an agent says when we cannot do what it asked for.
constexpr std::string_view kSorry =
    "I'm sorry, I can't do that at the moment. Please give me a minute and ask again.";

std::string failure_for_agent(const Error& error) {
  return dump_json(Json{{"success", false}, {"error", name_of(error.code())}, {"message", kSorry}});
}

/// The session that a call was made for; nullopt if it is not one of this tenant.
std::optional<SessionId> named_session(const ultravox::Call& call, const TenantId& tenant) {
  const auto found = call.metadata.find("session_id");
  if (found == call.metadata.end()) {
    return std::nullopt;
  }
  Result<SessionId> id = SessionId::parse(found->second);
  return id.has_value() && belongs_to(*id, tenant) ? std::optional(std::move(*id)) : std::nullopt;
}

}  // namespace

WebhookApi::WebhookApi(
    TenantScope& scope, Backend& builtin, ErpSide& erp, RecordNews& news, CallEvents& events)
    : scope_(scope),
      erp_(erp),
      news_(news),
      events_(events),
      dispatch_(scope.book, builtin, erp.tools(), scope.clock),
      remote_dispatch_(scope.book, erp.backend(), erp.tools(), scope.clock),
      self_(std::make_shared<WebhookApi*>(this)) {}

std::optional<SessionId> WebhookApi::proven_session(const HttpRequest& request) {
  const auto name = request.header(kSessionHeader);
  const auto token = request.header(kToolTokenHeader);
  if (!name || !token) {
    return std::nullopt;
  }
  Result<SessionId> id = SessionId::parse(*name);
  if (id.has_error() || !belongs_to(*id, scope_.config->tenant)) {
    return std::nullopt;
  }
  if (tokens_of_ != scope_.config) {
    tokens_.emplace(scope_.config->tool_secret);
    tokens_of_ = scope_.config;
  }
  const bool fits = equal_in_constant_time(tokens_->of(*id).reveal(), *token);
  return fits ? std::optional(std::move(*id)) : std::nullopt;
}

void WebhookApi::take_call_event(const std::shared_ptr<Exchange>& exchange) {
  if (admit_unproven(scope_, exchange) == Admission::kRefused) {
    return;
  }
  const HttpRequest& request = exchange->request();
  const WallTime now = scope_.clock.now();
  const Status verified =
      verify_signature(scope_.config->webhook_secrets.at(now),
                       {request.body, request.header(ultravox::kTimestampHeader).value_or(""),
                        request.header(ultravox::kSignatureHeader).value_or("")},
                       now);
  note_proof(scope_, *exchange, verified.has_error() ? Proof::kWrong : Proof::kRight);
  if (verified.has_error()) {
    exchange->refuse(401, "unauthorized", "cannot accept the webhook: it is not signed by us");
    return;
  }
  if (admit(scope_, exchange, Traffic::kWebhook) == Admission::kRefused) {
    return;
  }
  const Result<ultravox::CallEvent> event = ultravox::parse_event(request.body);
  if (event.has_error()) {
    exchange->refuse(event.error());
    return;
  }
  if (scope_.book.broken()) {
    exchange->refuse(*scope_.book.broken());
    return;
  }
  const auto then = [this, exchange, event = *event,
                     alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
    if (!alive.expired()) {
      apply(exchange, event, found);
    }
  };
  if (const auto named = named_session(event->call, scope_.config->tenant)) {
    scope_.book.fetch(*named, then);
  } else {
    scope_.book.fetch_by_call(event->call.call_id, then);
  }
}

void WebhookApi::apply(const std::shared_ptr<Exchange>& exchange,
                       const ultravox::CallEvent& event,
                       const Result<std::optional<Session>>& found) {
  if (found.has_error()) {
    exchange->refuse(found.error());
    return;
  }
  events_.apply(event, *found, exchange->request().body, [exchange](const Status& outcome) {
    if (outcome.has_error()) {
      exchange->refuse(outcome.error());
      return;
    }
    exchange->answer(HttpResponse{204, {}, {}});
  });
}

void WebhookApi::run_tool(const std::shared_ptr<Exchange>& exchange) {
  const TenantConfig& config = *scope_.config;
  if (admit_unproven(scope_, exchange) == Admission::kRefused) {
    return;
  }
  const std::optional<SessionId> session = proven_session(exchange->request());
  note_proof(scope_, *exchange, session ? Proof::kRight : Proof::kWrong);
  if (!session) {
    exchange->refuse(401, "unauthorized", "cannot run the tool: the session's token is missing");
    return;
  }
  if (admit(scope_, exchange, Traffic::kWebhook) == Admission::kRefused) {
    return;
  }
  const std::string& name = exchange->parameter("tool");
  const ToolDefinition* tool = find_tool(config.business.type, name);
  if (tool == nullptr) {
    exchange->refuse(404, "not_found", "cannot find a tool of that name");
    return;
  }
  if (scope_.memory.begin(exchange) == RequestMemory::Standing::kTaken) {
    return;
  }
  const bool is_remote = config.backend.kind == BackendKind::kErpnext;
  (is_remote ? remote_dispatch_ : dispatch_)
      .run({*session, tool, exchange->request().body, exchange->request_key()},
           [this, exchange, name, alive = std::weak_ptr(self_)](const Result<std::string>& answer) {
             if (!alive.expired()) {
               answer_tool(exchange, name, answer);
             }
           });
}

void WebhookApi::answer_tool(const std::shared_ptr<Exchange>& exchange,
                             const std::string& tool,
                             const Result<std::string>& answer) {
  ++scope_.counters->tool_calls_total;
  ++scope_.counters->tool_calls[{tool, answer.has_error() ? "error" : "ok"}];
  if (answer.has_error()) {
    const Error error = answer.error();
    scope_.memory.forget(exchange, json_response(status_of(error), failure_for_agent(error)));
    return;
  }
  scope_.memory.finish(exchange,
                       {exchange->request_key().value_or(""), 200, *answer, scope_.clock.now()});
}

}  // namespace voicectl::runtime
