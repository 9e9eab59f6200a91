// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "provisioner/model/desired_state.h"

namespace voicectl {

/// One value of an enumeration and the word that stands for it in documents and on the screen.
template <typename E>
struct NamedValue {
  E value;
  std::string_view name;
};

/// Every value of an enumeration, in the order of its declaration.
template <typename E>
std::span<const NamedValue<E>> named_values();

template <>
std::span<const NamedValue<BusinessType>> named_values();
template <>
std::span<const NamedValue<PricePlan>> named_values();
template <>
std::span<const NamedValue<Tier>> named_values();
template <>
std::span<const NamedValue<BackendKind>> named_values();
template <>
std::span<const NamedValue<BackendMode>> named_values();
template <>
std::span<const NamedValue<EdgeMode>> named_values();
template <>
std::span<const NamedValue<SessionStoreKind>> named_values();
template <>
std::span<const NamedValue<PromotionMode>> named_values();
template <>
std::span<const NamedValue<Weekday>> named_values();
template <>
std::span<const NamedValue<Priority>> named_values();

/// The value that `name` stands for; nullopt if there is none.
template <typename E>
std::optional<E> find_value(std::string_view name) {
  for (const NamedValue<E>& known : named_values<E>()) {
    if (known.name == name) {
      return known.value;
    }
  }
  return std::nullopt;
}

}  // namespace voicectl
