// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/tools.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/ultravox/wire.h"
#include "runtime/webhook/direct_tools.h"
#include "runtime/webhook/tool_parameters.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const SessionId kSession = *SessionId::parse("mario-pizza_0123456789abcdef");

ToolRequest read(BusinessType type, std::string_view tool, const std::string& parameters) {
  return read_tool_request(*find_tool(type, tool), *parse_json(parameters));
}

std::string question(const ToolRequest& request) {
  const auto* refusal = std::get_if<Refusal>(&request);
  return refusal == nullptr ? "" : refusal->message;
}

TEST(ToolsTest, BelongToOneTypeOfBusiness) {
  EXPECT_NE(find_tool(BusinessType::kRestaurant, "placeOrder"), nullptr);
  EXPECT_EQ(find_tool(BusinessType::kSupport, "placeOrder"), nullptr);
  EXPECT_THAT(tools_of(BusinessType::kCustom), SizeIs(0));
}

TEST(ToolsTest, HaveSchemasThatAreJson) {
  for (const ToolDefinition& tool : all_tools()) {
    for (const ToolParameter& parameter : tool.parameters) {
      EXPECT_TRUE(parse_json(schema_of(parameter)).has_value()) << tool.name << parameter.name;
      EXPECT_FALSE(parameter.question.empty()) << tool.name << parameter.name;
    }
  }
}

TEST(ToolsTest, AreNeverRunBeforeTheirTime) {
  // All of them change something; a precomputable tool may be run and its result thrown away.
  for (const BusinessType type :
       {BusinessType::kRestaurant, BusinessType::kAppointment, BusinessType::kSupport}) {
    ultravox::CallRequest request;
    request.tools = make_call_tools(type, "http://x", kSession, Secret("t"));
    for (ultravox::UltravoxTool& tool : make_direct_tools(type, {}, kSession, Secret("k:s"))) {
      request.tools.push_back(std::move(tool));
    }
    EXPECT_THAT(request.tools, SizeIs(2));
    const std::string sent = ultravox::render_call_request(request);
    EXPECT_THAT(sent, HasSubstr("modelToolName"));
    EXPECT_THAT(sent, Not(HasSubstr("precomputable")));
  }
}

TEST(ToolsTest, CarryTheirSessionAndItsProof) {
  const Secret token = make_tool_token(Secret("s"), kSession);

  const auto tools =
      make_call_tools(BusinessType::kRestaurant, "http://x/webhook/m/tools", kSession, token);

  ASSERT_THAT(tools, SizeIs(1));
  EXPECT_EQ(tools[0].url, "http://x/webhook/m/tools/placeOrder");
  ASSERT_THAT(tools[0].static_parameters, SizeIs(1));
  EXPECT_EQ(tools[0].static_parameters[0].name, kSessionHeader);
  EXPECT_EQ(tools[0].static_parameters[0].value, kSession.str());
  EXPECT_EQ(tools[0].token->token.reveal(), token.reveal());
}

TEST(ToolsTest, GiveEverySessionAnotherToken) {
  const SessionId other = *SessionId::parse("mario-pizza_fedcba9876543210");

  EXPECT_NE(make_tool_token(Secret("s"), kSession).reveal(),
            make_tool_token(Secret("s"), other).reveal());
}

TEST(ToolParametersTest, ReadAnOrder) {
  const ToolRequest request =
      read(BusinessType::kRestaurant, "placeOrder",
           R"({"customer_name":"Ann","order_type":"dine in","phone":5551234,"extra":true,
          "items":[{"item_name":"Water","quantity":"2","special_instructions":"cold"}]})");

  const auto& order = std::get<OrderRequest>(request);
  EXPECT_EQ(order.type, OrderType::kDineIn);
  EXPECT_EQ(order.phone, "5551234");
  ASSERT_THAT(order.items, SizeIs(1));
  EXPECT_EQ(order.items[0].quantity, 2U);
}

TEST(ToolParametersTest, AskForWhatIsMissing) {
  EXPECT_THAT(question(read(BusinessType::kRestaurant, "placeOrder", "{}")), HasSubstr("name"));
  EXPECT_THAT(question(read(BusinessType::kRestaurant, "placeOrder",
                            R"({"customer_name":"Ann","items":[]})")),
              HasSubstr("order"));
  EXPECT_THAT(question(read(BusinessType::kAppointment, "bookAppointment",
                            R"({"customer_name":"Ann","appointment_date":"soon"})")),
              HasSubstr("day"));
}

TEST(ToolParametersTest, NeverBreakOnStrangeJson) {
  for (const char* text :
       {"null", "[]", "7", R"("x")", R"({"customer_name":{}})",
        R"({"customer_name":"A","items":{"a":1},"order_type":"Takeaway"})",
        R"({"customer_name":"A","items":[7],"order_type":"Takeaway"})",
        R"({"customer_name":"A","items":[{"item_name":[]}],"order_type":"Takeaway"})",
        R"({"customer_name":"A","items":[{"item_name":"x"}],"order_type":7})"}) {
    EXPECT_NE(question(read(BusinessType::kRestaurant, "placeOrder", text)), "") << text;
  }
}

TEST(InstructionMarksTest, AreOfOneSessionAndNobodyElsesToWrite) {
  const SessionId session = *SessionId::parse("acme_0123456789abcdef");
  const SessionId other = *SessionId::parse("acme_fedcba9876543210");
  const InstructionMarks marks = make_instruction_marks(Secret("secret"), session);

  EXPECT_EQ(marks.begin.front(), '<');
  EXPECT_EQ(marks.end, "</" + marks.begin.substr(1));
  EXPECT_EQ(make_instruction_marks(Secret("secret"), session).begin, marks.begin);
  EXPECT_NE(make_instruction_marks(Secret("secret"), other).begin, marks.begin);
  EXPECT_NE(make_instruction_marks(Secret("another"), session).begin, marks.begin);
}

TEST(ToolParametersTest, LeaveImpossibleQuantitiesToTheBusiness) {
  for (const char* quantity : {"-1", "0", "1.5", R"("many")", "1e99", "[]"}) {
    const ToolRequest request =
        read(BusinessType::kRestaurant, "placeOrder",
             std::string(R"({"customer_name":"A","order_type":"Takeaway","items":[)") +
                 R"({"item_name":"x","quantity":)" + quantity + "}]}");

    EXPECT_EQ(std::get<OrderRequest>(request).items[0].quantity, 0U) << quantity;
  }
}

TEST(ToolParametersTest, ReadATicketWithoutItsOptionalParts) {
  const ToolRequest request = read(BusinessType::kSupport, "createSupportTicket",
                                   R"({"customer_name":"Ann","issue_description":"broken",
                                       "priority":null})");

  EXPECT_EQ(std::get<TicketRequest>(request).priority, std::nullopt);
}

TEST(ToolParametersTest, RefuseAPriorityThatDoesNotExist) {
  EXPECT_THAT(question(read(BusinessType::kSupport, "createSupportTicket",
                            R"({"customer_name":"A","issue_description":"x","priority":"huge"})")),
              HasSubstr("urgent"));
}

}  // namespace
}  // namespace voicectl::runtime
