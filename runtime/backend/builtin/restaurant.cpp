// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/restaurant.h"

#include <fmt/core.h>

#include <algorithm>

#include "runtime/backend/builtin/spoken_match.h"

namespace voicectl::runtime {
namespace {

/// Most of one item in an order by phone. Above it a person should have a look.
constexpr std::uint32_t kMaxQuantity = 100;

std::vector<Sayable> sayables_of(const std::vector<MenuItem>& menu) {
  std::vector<Sayable> things;
  for (const MenuItem& item : menu) {
    things.push_back({item.name, item.voice_keywords});
  }
  return things;
}

Refusal unknown_item(const std::string& wanted, const std::vector<std::string>& close_names) {
  if (close_names.empty()) {
    return {fmt::format("I'm sorry, {} is not on our menu.", wanted)};
  }
  return {fmt::format("I'm sorry, I could not find {} on our menu. Did you mean {}?", wanted,
                      join_choices(close_names))};
}

std::optional<Refusal> refuse_at_sight(const OrderRequest& request) {
  if (request.items.empty()) {
    return Refusal{"What would you like to order? Please name at least one item."};
  }
  if (request.type == OrderType::kDelivery && request.delivery_address.empty()) {
    return Refusal{"Where should we deliver it? Please tell me the delivery address."};
  }
  for (const OrderItem& item : request.items) {
    if (item.quantity < 1 || item.quantity > kMaxQuantity) {
      return Refusal{fmt::format("How many of {} would you like? I can take 1 to {}.",
                                 item.item_name, kMaxQuantity)};
    }
  }
  return std::nullopt;
}

}  // namespace

OrderOutcome decide_order(const std::vector<MenuItem>& menu, const OrderRequest& request) {
  if (auto refusal = refuse_at_sight(request)) {
    return *refusal;
  }
  const std::vector<Sayable> things = sayables_of(menu);
  PlacedOrder order;
  for (const OrderItem& item : request.items) {
    const SpokenMatch match = match_spoken(item.item_name, things);
    if (!match.index) {
      return unknown_item(item.item_name, match.close_names);
    }
    const MenuItem& found = menu[*match.index];
    order.lines.push_back({found.name, item.quantity, found.price, item.special_instructions});
    order.total.cents += found.price.cents * static_cast<std::int64_t>(item.quantity);
    order.estimated_time = std::max(order.estimated_time, found.prep_time);
  }
  return order;
}

}  // namespace voicectl::runtime
