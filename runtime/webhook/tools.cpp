// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/tools.h"

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/json.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kAskName = "May I have your name, please?";

ToolDefinition book_appointment() {
  return {ToolKind::kBookAppointment,
          "bookAppointment",
          BusinessType::kAppointment,
          "Books an appointment. If the time is not free, the answer names other times.",
          {{"customer_name", ParameterKind::kText, Presence::kRequired, "Name of the customer",
            kAskName},
           {"appointment_date", ParameterKind::kDate, Presence::kRequired, "Day, as YYYY-MM-DD",
            "Which day would suit you?"},
           {"appointment_time", ParameterKind::kTime, Presence::kRequired, "Time of day, as HH:MM",
            "What time would suit you?"},
           {"service_type", ParameterKind::kText, Presence::kRequired, "Which service is wanted",
            "Which service would you like to book?"},
           {"phone", ParameterKind::kText, Presence::kOptional, "Phone number of the customer",
            "What is your phone number?"}}};
}

ToolDefinition place_order() {
  return {ToolKind::kPlaceOrder,
          "placeOrder",
          BusinessType::kRestaurant,
          "Places an order once the customer has confirmed all items.",
          {{"customer_name", ParameterKind::kText, Presence::kRequired, "Name of the customer",
            kAskName},
           {"items", ParameterKind::kOrderItems, Presence::kRequired, "What is ordered",
            "What would you like to order?"},
           {"order_type",
            ParameterKind::kChoice,
            Presence::kRequired,
            "How the order is fetched",
            "Is it for takeaway, delivery or dine in?",
            {"Takeaway", "Delivery", "Dine In"}},
           {"delivery_address", ParameterKind::kText, Presence::kOptional,
            "Where to deliver; needed for delivery", "Where should we deliver it?"},
           {"phone", ParameterKind::kText, Presence::kOptional, "Phone number of the customer",
            "What is your phone number?"}}};
}

ToolDefinition create_support_ticket() {
  return {ToolKind::kCreateSupportTicket,
          "createSupportTicket",
          BusinessType::kSupport,
          "Creates a support ticket for a problem that a person has to look at.",
          {{"customer_name", ParameterKind::kText, Presence::kRequired, "Name of the customer",
            kAskName},
           {"issue_description", ParameterKind::kText, Presence::kRequired,
            "The problem in the customer's words", "Could you describe the problem, please?"},
           // Both follow from the description if the agent leaves them out.
           {"priority",
            ParameterKind::kChoice,
            Presence::kOptional,
            "How urgent it is",
            "How urgent is it: low, medium, high or urgent?",
            {"Low", "Medium", "High", "Urgent"}},
           {"category", ParameterKind::kText, Presence::kOptional, "What it is about",
            "What is the problem about?"}}};
}

Json text_schema(const ToolParameter& parameter) {
  return {{"type", "string"}, {"description", parameter.description}};
}

Json items_schema(const ToolParameter& parameter) {
  return {{"type", "array"},
          {"description", parameter.description},
          {"minItems", 1},
          {"items",
           {{"type", "object"},
            {"properties",
             {{"item_name", {{"type", "string"}}},
              {"quantity", {{"type", "integer"}, {"minimum", 1}}},
              {"special_instructions", {{"type", "string"}}}}},
            {"required", {"item_name", "quantity"}}}}};
}

}  // namespace

const std::vector<ToolDefinition>& all_tools() {
  static const std::vector<ToolDefinition> kTools = {book_appointment(), place_order(),
                                                     create_support_ticket()};
  return kTools;
}

std::vector<const ToolDefinition*> tools_of(BusinessType type) {
  std::vector<const ToolDefinition*> tools;
  for (const ToolDefinition& tool : all_tools()) {
    if (tool.business_type == type) {
      tools.push_back(&tool);
    }
  }
  return tools;
}

const ToolDefinition* find_tool(BusinessType type, std::string_view name) {
  for (const ToolDefinition& tool : all_tools()) {
    if (tool.business_type == type && tool.name == name) {
      return &tool;
    }
  }
  return nullptr;
}

std::string schema_of(const ToolParameter& parameter) {
  Json schema = text_schema(parameter);
  switch (parameter.kind) {
    case ParameterKind::kText:
      break;
    case ParameterKind::kDate:
      schema["format"] = "date";
      break;
    case ParameterKind::kTime:
      schema["format"] = "time";
      break;
    case ParameterKind::kChoice:
      schema["enum"] = parameter.choices;
      break;
    case ParameterKind::kOrderItems:
      schema = items_schema(parameter);
      break;
  }
  return dump_json(schema);
}

Secret make_tool_token(const Secret& tool_secret, const SessionId& session) {
  return Secret(hmac_sha256_hex(tool_secret.reveal(), session.str()));
}

InstructionMarks make_instruction_marks(const Secret& tool_secret, const SessionId& session) {
  // More than anybody can guess in a call, and short enough for a prompt.
  constexpr std::size_t kDigits = 20;
  const std::string name =
      "instruction-" +
      hmac_sha256_hex(tool_secret.reveal(), "instruction/" + session.str()).substr(0, kDigits);
  return {"<" + name + ">", "</" + name + ">"};
}

namespace {

ultravox::UltravoxTool tool_without_session(const ToolDefinition& definition) {
  ultravox::UltravoxTool tool;
  tool.name = definition.name;
  tool.description = definition.description;
  tool.timeout = kToolTimeout;
  for (const ToolParameter& parameter : definition.parameters) {
    tool.dynamic_parameters.push_back(
        {std::string(parameter.name), ultravox::ParameterLocation::kBody,
         ultravox::JsonSchema(schema_of(parameter)), parameter.presence == Presence::kRequired});
  }
  return tool;
}

/// One for each of `all_tools`: what is the same for every session is made once.
const std::vector<ultravox::UltravoxTool>& tools_without_session() {
  static const std::vector<ultravox::UltravoxTool> kTools = [] {
    std::vector<ultravox::UltravoxTool> tools;
    for (const ToolDefinition& definition : all_tools()) {
      tools.push_back(tool_without_session(definition));
    }
    return tools;
  }();
  return kTools;
}

}  // namespace

std::vector<ultravox::UltravoxTool> make_call_tools(BusinessType type,
                                                    const std::string& tools_url,
                                                    const SessionId& session,
                                                    const Secret& token) {
  std::vector<ultravox::UltravoxTool> tools;
  for (std::size_t i = 0; i < all_tools().size(); ++i) {
    if (all_tools()[i].business_type != type) {
      continue;
    }
    ultravox::UltravoxTool tool = tools_without_session()[i];
    tool.url = tools_url + "/" + tool.name;
    tool.static_parameters.push_back(
        {std::string(kSessionHeader), ultravox::ParameterLocation::kHeader, session.str()});
    tool.token = ultravox::ToolToken{std::string(kToolTokenHeader), token};
    tools.push_back(std::move(tool));
  }
  return tools;
}

}  // namespace voicectl::runtime
