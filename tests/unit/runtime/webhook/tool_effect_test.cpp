// SPDX-License-Identifier: Apache-2.0
// What an agent is given to say.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/webhook/tool_dispatch.h"

namespace voicectl::runtime {
namespace {

using std::chrono::minutes;

std::string message_of(const ToolEffect& effect) {
  return string_or(*parse_json(effect.answer), "message", "");
}

std::string said_of_order(Money total, minutes time) {
  PlacedOrder order;
  order.order_id = "SO-1";
  order.total = total;
  order.estimated_time = time;
  return message_of(effect_of(OrderOutcome(order), OrderRequest{}));
}

std::string said_of_ticket(minutes resolution) {
  CreatedTicket ticket;
  ticket.ticket_id = "T-1";
  ticket.expected_resolution = resolution;
  return message_of(effect_of(TicketOutcome(ticket), TicketRequest{}));
}

TEST(ToolEffectTest, SaysOfAnOrderOnlyWhatIsKnown) {
  EXPECT_EQ(said_of_order({1899}, minutes(15)),
            "Your order is placed. The total is $18.99 and it will be ready in about 15 minutes.");
  EXPECT_EQ(said_of_order({1899}, minutes(0)), "Your order is placed. The total is $18.99.");
  EXPECT_EQ(said_of_order({}, minutes(1)),
            "Your order is placed. It will be ready in about 1 minute.");
  EXPECT_EQ(said_of_order({}, minutes(0)), "Your order is placed.");
}

TEST(ToolEffectTest, SaysLengthsOfTimeAsPeopleDo) {
  const std::string begin = "I have created ticket T-1. We expect to resolve it within ";

  EXPECT_EQ(said_of_ticket(minutes(45)), begin + "45 minutes.");
  EXPECT_EQ(said_of_ticket(minutes(240)), begin + "4 hours.");
  EXPECT_EQ(said_of_ticket(minutes(90)), begin + "2 hours.");
  EXPECT_EQ(said_of_ticket(minutes(24 * 60)), begin + "24 hours.");
  EXPECT_EQ(said_of_ticket(minutes(3 * 24 * 60)), begin + "3 days.");
}

}  // namespace
}  // namespace voicectl::runtime
