// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/tenant/call_events.h"
#include "runtime/tenant/erp_side.h"
#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"
#include "runtime/ultravox/events.h"
#include "runtime/webhook/record_news.h"
#include "runtime/webhook/record_updates.h"
#include "runtime/webhook/tool_dispatch.h"
#include "runtime/webhook/tool_tokens.h"

namespace voicectl::runtime {

/// What Ultravox sends: signed events and tool calls.
///
/// THREADS: loop thread only.
class WebhookApi {
 public:
  /// REQUIRES: all outlive it.
  WebhookApi(
      TenantScope& scope, Backend& builtin, ErpSide& erp, RecordNews& news, CallEvents& events);

  /// 204 once the event is durable; 401 for a signature that does not fit. An event that took
  /// effect before, or that is about no session of ours, is acknowledged too: it would only come
  /// again.
  void take_call_event(const std::shared_ptr<Exchange>& exchange);

  /// 204 once an order, appointment or ticket has learned what ERPNext says of it, and customer and
  /// staff have their event; likewise if it is no news, or of no record of ours (then it is kept).
  void take_record_update(const std::shared_ptr<Exchange>& exchange);

  /// 200 with the JSON for the agent once its effect is durable.
  void run_tool(const std::shared_ptr<Exchange>& exchange);

 private:
  void apply(const std::shared_ptr<Exchange>& exchange,
             const ultravox::CallEvent& event,
             const Result<std::optional<Session>>& found);
  void apply_update(const std::shared_ptr<Exchange>& exchange,
                    const RecordUpdate& update,
                    const Result<std::optional<KeptRecord>>& found);
  void commit_update(const std::shared_ptr<Exchange>& exchange,
                     Change change,
                     std::vector<NewEffect> effects);
  void answer_tool(const std::shared_ptr<Exchange>& exchange,
                   const std::string& tool,
                   const Result<std::string>& answer);

  /// The session whose tool token the request shows; nullopt if it shows none that fits.
  std::optional<SessionId> proven_session(const HttpRequest& request);

  TenantScope& scope_;
  /// Of the configuration that they were made for.
  std::shared_ptr<const TenantConfig> tokens_of_;
  std::optional<ToolTokens> tokens_;
  ErpSide& erp_;
  RecordNews& news_;
  CallEvents& events_;
  ToolDispatch dispatch_;
  ToolDispatch remote_dispatch_;
  std::shared_ptr<WebhookApi*> self_;
};

}  // namespace voicectl::runtime
