// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/restaurant.h"

#include <gmock/gmock.h>

namespace voicectl::runtime {
namespace {

using std::chrono::minutes;
using ::testing::HasSubstr;

std::vector<MenuItem> a_menu() {
  return {{"Margherita Pizza", "Pizza", {1899}, minutes(15), "", {"margherita"}},
          {"Garlic Bread", "Appetizers", {899}, minutes(10), "", {"bread"}},
          {"Water", "Beverages", {199}, minutes(1), "", {}}};
}

OrderRequest an_order(std::vector<OrderItem> items) {
  OrderRequest request;
  request.customer_name = "Ann";
  request.items = std::move(items);
  return request;
}

std::string refusal_of_order(const OrderRequest& request) {
  const OrderOutcome outcome = decide_order(a_menu(), request);
  const auto* refusal = std::get_if<Refusal>(&outcome);
  return refusal == nullptr ? "" : refusal->message;
}

TEST(RestaurantTest, AddsUpPricesInCents) {
  const OrderOutcome outcome =
      decide_order(a_menu(), an_order({{"margheritas", 2, ""}, {"garlic bread", 1, "warm"}}));

  const auto& order = std::get<PlacedOrder>(outcome);
  EXPECT_EQ(order.total.str(), "46.97");
  ASSERT_EQ(order.lines.size(), 2U);
  EXPECT_EQ(order.lines[0].item_name, "Margherita Pizza");
  EXPECT_EQ(order.lines[1].special_instructions, "warm");
}

TEST(RestaurantTest, TakesAsLongAsItsSlowestItem) {
  const OrderOutcome outcome =
      decide_order(a_menu(), an_order({{"water", 3, ""}, {"margherita", 1, ""}}));

  EXPECT_EQ(std::get<PlacedOrder>(outcome).estimated_time, minutes(15));
}

TEST(RestaurantTest, NamesCloseItemsForAnUnknownOne) {
  EXPECT_THAT(refusal_of_order(an_order({{"garlic soup", 1, ""}})), HasSubstr("Garlic Bread"));
}

TEST(RestaurantTest, RefusesAnEmptyOrder) {
  EXPECT_THAT(refusal_of_order(an_order({})), HasSubstr("at least one item"));
}

TEST(RestaurantTest, RefusesQuantitiesThatMakeNoSense) {
  EXPECT_THAT(refusal_of_order(an_order({{"water", 0, ""}})), HasSubstr("How many"));
  EXPECT_THAT(refusal_of_order(an_order({{"water", 101, ""}})), HasSubstr("How many"));
}

TEST(RestaurantTest, AsksWhereToDeliver) {
  OrderRequest request = an_order({{"water", 1, ""}});
  request.type = OrderType::kDelivery;

  EXPECT_THAT(refusal_of_order(request), HasSubstr("deliver"));
}

}  // namespace
}  // namespace voicectl::runtime
