// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/direct_tools.h"

#include <algorithm>
#include <boost/hana/functional/overload.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "runtime/backend/erpnext/erpnext_answer.h"
#include "runtime/webhook/tool_dispatch.h"
#include "runtime/webhook/tool_parameters.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {
namespace {

/// Tool calls of one conversation that are looked at.
constexpr std::size_t kMostNoted = 200;

std::string marker_of(const ultravox::Call& call) {
  return call.call_id + "/tools";
}

std::string method_of(ToolKind kind) {
  const std::string methods(kErpnextMethods);
  switch (kind) {
    case ToolKind::kPlaceOrder:
      return methods + std::string(kPlaceOrderMethod);
    case ToolKind::kBookAppointment:
      return methods + std::string(kBookAppointmentMethod);
    case ToolKind::kCreateSupportTicket:
      return methods + std::string(kCreateTicketMethod);
  }
  return methods;
}

ultravox::UltravoxTool direct_tool(const ToolDefinition& definition,
                                   const ErpnextSettings& site,
                                   const SessionId& session,
                                   const Secret& credential) {
  using ultravox::ParameterLocation;
  ultravox::UltravoxTool tool;
  tool.name = definition.name;
  tool.description = definition.description;
  tool.url = site.url + "/api/method/" + method_of(definition.kind);
  tool.timeout = kToolTimeout;
  for (const ToolParameter& parameter : definition.parameters) {
    tool.dynamic_parameters.push_back({std::string(parameter.name), ParameterLocation::kBody,
                                       ultravox::JsonSchema(schema_of(parameter)),
                                       parameter.presence == Presence::kRequired});
  }
  // An API user without restrictions would silently get the site's default company.
  tool.static_parameters = {
      {"company", ParameterLocation::kBody, dump_json(Json(site.company))},
      {"session_id", ParameterLocation::kBody, dump_json(Json(session.str()))},
      // Without it the site answers errors with pages.
      {"Accept", ParameterLocation::kHeader, "application/json"}};
  if (!site.site.empty()) {
    tool.static_parameters.push_back({"X-Frappe-Site-Name", ParameterLocation::kHeader, site.site});
  }
  tool.token = ultravox::ToolToken{"", credential, "token"};
  return tool;
}

/// A request of the tool's kind, with what can be made of its arguments.
ToolRequest lenient_request(const ToolDefinition& tool, const Json& arguments) {
  ToolRequest request = read_tool_request(tool, arguments);
  if (!std::holds_alternative<Refusal>(request)) {
    return request;
  }
  // The site took them all the same.
  const auto of_customer = [&arguments](auto empty) {
    empty.customer_name = arguments.is_object() ? string_or(arguments, "customer_name", "") : "";
    return ToolRequest(std::move(empty));
  };
  switch (tool.kind) {
    case ToolKind::kPlaceOrder:
      return of_customer(OrderRequest{});
    case ToolKind::kBookAppointment:
      return of_customer(AppointmentRequest{});
    case ToolKind::kCreateSupportTicket:
      return of_customer(TicketRequest{});
  }
  return request;
}

template <typename Outcome, typename Request>
Result<ToolEffect> effect_from(const Result<Outcome>& outcome, const Request& request) {
  return outcome.has_error() ? Result<ToolEffect>(outcome.error())
                             : Result<ToolEffect>(effect_of(*outcome, request));
}

/// What an answer of the site means; an error for one that tells nothing.
Result<ToolEffect> effect_in(const std::string& answer,
                             const ToolRequest& request,
                             const SiteClocks& clocks) {
  const ErpnextAnswer read = read_erpnext_body(answer);
  if (read.verdict != ErpnextVerdict::kOk) {
    return effect_of(refusal_in_words(read.words));
  }
  const Json& content = *read.content;
  return std::visit(
      boost::hana::overload(
          [&](const OrderRequest& order) {
            return effect_from(order_outcome(content, order), order);
          },
          [&](const AppointmentRequest& wish) {
            return effect_from(appointment_outcome(content, wish, clocks), wish);
          },
          [&](const TicketRequest& ticket) {
            return effect_from(ticket_outcome(content, ticket), ticket);
          },
          [](const Refusal& refusal) { return Result<ToolEffect>(effect_of(refusal)); }),
      request);
}

struct DirectCall {
  const ToolDefinition* tool = nullptr;
  Json arguments;
  const std::string* answer = nullptr;
};

/// The answered calls of the business's tools, in the order of the conversation.
std::vector<DirectCall> answered_calls(const Session& session,
                                       const std::vector<ultravox::CallMessage>& messages) {
  const Result<BusinessType> type = parse_business_type(session.business_type);
  std::vector<DirectCall> calls;
  std::map<std::string, std::size_t> by_invocation;
  for (const ultravox::CallMessage& message : messages) {
    const auto asked = by_invocation.find(message.invocation_id);
    if (message.role == ultravox::MessageRole::kToolCall && asked == by_invocation.end()) {
      const ToolDefinition* const tool =
          type.has_value() ? find_tool(*type, message.tool_name) : nullptr;
      Result<Json> arguments = parse_json(message.text);
      if (tool != nullptr && calls.size() < kMostNoted) {
        by_invocation.emplace(message.invocation_id, calls.size());
        calls.push_back(
            {tool, arguments.has_value() && arguments->is_object() ? *arguments : Json::object()});
      }
    } else if (message.role == ultravox::MessageRole::kToolResult && asked != by_invocation.end() &&
               calls[asked->second].answer == nullptr) {
      calls[asked->second].answer = &message.text;
    }
  }
  std::erase_if(calls, [](const DirectCall& call) { return call.answer == nullptr; });
  return calls;
}

void append(Change& change, Change more) {
  change.session = std::move(more.session);
  std::move(more.events.begin(), more.events.end(), std::back_inserter(change.events));
  std::move(more.records.begin(), more.records.end(), std::back_inserter(change.records));
}

}  // namespace

std::vector<ultravox::UltravoxTool> make_direct_tools(BusinessType type,
                                                      const ErpnextSettings& site,
                                                      const SessionId& session,
                                                      const Secret& credential) {
  std::vector<ultravox::UltravoxTool> tools;
  for (const ToolDefinition* definition : tools_of(type)) {
    tools.push_back(direct_tool(*definition, site, session, credential));
  }
  return tools;
}

bool lacks_direct_outcomes(const Session& session, const ultravox::Call& call) {
  const auto tools = call.metadata.find(std::string(kToolsMember));
  const auto& known = session.deliveries;
  return tools != call.metadata.end() && tools->second == kDirectTools &&
         std::find(known.begin(), known.end(), marker_of(call)) == known.end();
}

Change note_direct_outcomes(const Session& session,
                            const ultravox::Call& call,
                            const std::vector<ultravox::CallMessage>& messages,
                            const SiteClocks& clocks,
                            WallTime now) {
  Change change;
  change.session = session;
  for (const DirectCall& one : answered_calls(session, messages)) {
    Result<ToolEffect> effect =
        effect_in(*one.answer, lenient_request(*one.tool, one.arguments), clocks);
    if (effect.has_error()) {
      effect = effect_of(Refusal{"The site's answer could not be understood."});
    }
    if (effect->record) {
      effect->record->external_id = effect->record->id;
    }
    append(change, change_of_tool(*change.session,
                                  {session.session, one.tool, dump_json(one.arguments), {}},
                                  std::move(*effect), now));
  }
  change.session->deliveries.push_back(marker_of(call));
  return change;
}

}  // namespace voicectl::runtime
