// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/support.h"

#include <gtest/gtest.h>

namespace voicectl::runtime {
namespace {

using std::chrono::minutes;

Business a_help_desk() {
  Business business;
  business.support_categories = {
      {"Billing Issues", Priority::kHigh, minutes(120), "", {"billing", "invoice", "refund"}},
      {"Mobile App", Priority::kMedium, minutes(150), "", {"app", "mobile"}}};
  business.staff = {{"Sarah", "Escalation, Billing"}, {"David", "Mobile App, Training"}};
  return business;
}

CreatedTicket ticket_for(const TicketRequest& request) {
  return std::get<CreatedTicket>(decide_ticket(a_help_desk(), request));
}

TEST(SupportTest, TakesPriorityAndTimeFromTheCategory) {
  const CreatedTicket ticket = ticket_for({"Ann", "I paid twice", "billing", std::nullopt});

  EXPECT_EQ(ticket.category, "Billing Issues");
  EXPECT_EQ(ticket.priority, Priority::kHigh);
  EXPECT_EQ(ticket.expected_resolution, minutes(120));
}

TEST(SupportTest, LetsTheCallersPriorityWin) {
  EXPECT_EQ(ticket_for({"Ann", "I paid twice", "billing", Priority::kLow}).priority,
            Priority::kLow);
}

TEST(SupportTest, FindsTheCategoryInTheDescription) {
  EXPECT_EQ(ticket_for({"Ann", "the mobile app crashes", "", std::nullopt}).category, "Mobile App");
}

TEST(SupportTest, AssignsBySpecialty) {
  EXPECT_EQ(ticket_for({"Ann", "x", "billing", std::nullopt}).assigned_to, "Sarah");
  EXPECT_EQ(ticket_for({"Ann", "x", "app", std::nullopt}).assigned_to, "David");
}

TEST(SupportTest, TakesAnIssueThatFitsNoCategory) {
  const CreatedTicket ticket = ticket_for({"Ann", "my cat is sad", "pets", std::nullopt});

  EXPECT_EQ(ticket.category, "pets");
  EXPECT_EQ(ticket.priority, Priority::kMedium);
  EXPECT_EQ(ticket.assigned_to, "");
}

TEST(SupportTest, HintsAtWhatIsKnownAlready) {
  Business desk = a_help_desk();
  desk.knowledge_base = {{"Billing cycle", "Billing Issues", "We bill monthly."},
                         {"Refund of a double payment", "Billing Issues", "Ask for it."},
                         {"Install the app", "Mobile App", "Scan the code."}};

  const auto ticket = std::get<CreatedTicket>(
      decide_ticket(desk, {"Ann", "I want a refund, I paid twice", "billing", std::nullopt}));

  ASSERT_EQ(ticket.hints.size(), 2U);
  EXPECT_EQ(ticket.hints[0].title, "Refund of a double payment");
  EXPECT_EQ(ticket.hints[1].title, "Billing cycle");
}

TEST(SupportTest, AsksForADescription) {
  EXPECT_TRUE(std::holds_alternative<Refusal>(
      decide_ticket(a_help_desk(), {"Ann", "", "billing", std::nullopt})));
}

}  // namespace
}  // namespace voicectl::runtime
