// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/business_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl::runtime {
namespace {

constexpr std::string_view kDays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                      "thursday", "friday", "saturday"};
/// Longest time of any kind, in minutes: a month.
constexpr std::int64_t kMaxMinutes = 31 * 24 * 60;

/// A list of the object; empty if there is none.
const Json& list_of(const Json& object, std::string_view key) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  return found == object.end() || !found->is_array() ? kNone : *found;
}

std::vector<std::string> texts_of(const Json& object, std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& text : list_of(object, key)) {
    if (text.is_string()) {
      texts.push_back(text.get<std::string>());
    }
  }
  return texts;
}

std::chrono::minutes minutes_of(const Json& object, std::string_view key, std::int64_t fallback) {
  return std::chrono::minutes(
      std::clamp<std::int64_t>(integer_or(object, key, fallback), 1, kMaxMinutes));
}

Result<Money> price_of(const Json& object) {
  const auto found = object.find("price");
  if (found == object.end() || found->is_null()) {
    return Money{};
  }
  // A number would pass through binary fractions; its shortest text has the cents as written.
  return Money::parse(found->is_string() ? found->get<std::string>() : found->dump());
}

Result<std::vector<OpeningSpan>> spans_of(const Json& day) {
  std::vector<OpeningSpan> spans;
  for (const Json& span : day) {
    if (!span.is_string()) {
      continue;
    }
    VC_TRY(const OpeningSpan parsed, OpeningSpan::parse(span.get_ref<const std::string&>()));
    spans.push_back(parsed);
  }
  return spans;
}

Result<OpeningHours> hours_of(const Json& tenant) {
  OpeningHours hours;
  const auto found = tenant.find("opening_hours");
  if (found == tenant.end() || !found->is_object()) {
    return hours;
  }
  for (std::size_t i = 0; i < hours.size(); ++i) {
    VC_TRY(hours[i], spans_of(list_of(*found, kDays[i])));
  }
  return hours;
}

Result<MenuItem> menu_item_of(const Json& from) {
  MenuItem item;
  item.name = string_or(from, "name", "");
  item.category = string_or(from, "category", "");
  VC_TRY(item.price, price_of(from));
  item.prep_time = minutes_of(from, "prep_time", 10);
  item.description = string_or(from, "description", "");
  item.voice_keywords = texts_of(from, "voice_keywords");
  return item;
}

Result<ServiceItem> service_of(const Json& from) {
  ServiceItem item;
  item.name = string_or(from, "name", "");
  item.category = string_or(from, "category", "");
  VC_TRY(item.price, price_of(from));
  item.duration = minutes_of(from, "duration", 30);
  item.description = string_or(from, "description", "");
  item.voice_keywords = texts_of(from, "voice_keywords");
  item.booking_lead_time = std::chrono::hours(
      std::clamp<std::int64_t>(integer_or(from, "booking_lead_time_hours", 0), 0, 24 * 365));
  return item;
}

SupportCategory category_of(const Json& from) {
  SupportCategory category;
  category.name = string_or(from, "name", "");
  category.priority =
      priority_named(string_or(from, "priority", "medium")).value_or(Priority::kMedium);
  category.resolution_time = minutes_of(from, "resolution_time", 240);
  category.description = string_or(from, "description", "");
  category.voice_keywords = texts_of(from, "voice_keywords");
  return category;
}

}  // namespace

Result<Business> business_of_json(const Json& tenant) {
  Business business;
  business.name = string_or(tenant, "name", string_or(tenant, "slug", ""));
  VC_TRY(business.type, parse_business_type(string_or(tenant, "business_type", "custom")));
  business.time_zone = string_or(tenant, "time_zone", "UTC");
  VC_TRY(business.opening_hours, hours_of(tenant));
  for (const Json& from : list_of(tenant, "menu")) {
    VC_TRY(MenuItem item, menu_item_of(from));
    business.menu.push_back(std::move(item));
  }
  for (const Json& from : list_of(tenant, "services")) {
    VC_TRY(ServiceItem item, service_of(from));
    business.services.push_back(std::move(item));
  }
  for (const Json& from : list_of(tenant, "support_categories")) {
    business.support_categories.push_back(category_of(from));
  }
  for (const Json& from : list_of(tenant, "staff")) {
    business.staff.push_back({string_or(from, "name", ""), string_or(from, "specialty", "")});
  }
  for (const Json& from : list_of(tenant, "knowledge_base")) {
    business.knowledge_base.push_back({string_or(from, "title", ""),
                                       string_or(from, "category", ""),
                                       string_or(from, "content", "")});
  }
  return business;
}

}  // namespace voicectl::runtime
