// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/backend.h"

#include <cctype>

namespace voicectl::runtime {
namespace {

std::string letters_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace

std::string_view name_of(OrderType type) {
  switch (type) {
    case OrderType::kTakeaway:
      return "Takeaway";
    case OrderType::kDelivery:
      return "Delivery";
    case OrderType::kDineIn:
      return "Dine In";
  }
  return "Takeaway";
}

std::optional<OrderType> order_type_named(std::string_view text) {
  const std::string wanted = letters_of(text);
  for (const OrderType type : {OrderType::kTakeaway, OrderType::kDelivery, OrderType::kDineIn}) {
    if (letters_of(name_of(type)) == wanted) {
      return type;
    }
  }
  return std::nullopt;
}

}  // namespace voicectl::runtime
