// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// What an instance needs to know about the business of a tenant, as plain values.
namespace voicectl::runtime {

enum class BusinessType { kRestaurant, kAppointment, kSupport, kCustom };
std::string_view name_of(BusinessType type);
/// ERRORS: kInvalidArgument.
Result<BusinessType> parse_business_type(std::string_view text);

enum class Priority { kLow, kMedium, kHigh, kUrgent };
std::string_view name_of(Priority priority);
/// Without regard to case, because agents say "High". nullopt for anything else.
std::optional<Priority> priority_named(std::string_view text);

/// An amount of money in cents, exact.
struct Money {
  std::int64_t cents = 0;
  /// "18.99".
  std::string str() const;
  /// Accepts "18.99", "18.9", "18": at most two decimals, not negative, below ten million.
  static Result<Money> parse(std::string_view text);
  friend auto operator<=>(Money, Money) = default;
};

/// One span within a day, in minutes after midnight, `open` < `close` <= 1440.
struct OpeningSpan {
  int open = 0;
  int close = 0;
  /// "09:00-17:00". ERRORS: kInvalidArgument.
  static Result<OpeningSpan> parse(std::string_view text);
  std::string str() const;
  friend bool operator==(const OpeningSpan&, const OpeningSpan&) = default;
};

/// Spans of each day; index 0 is Sunday, as std::chrono::weekday counts. An empty day is closed.
using OpeningHours = std::array<std::vector<OpeningSpan>, 7>;

struct MenuItem {
  std::string name;
  std::string category;
  Money price;
  std::chrono::minutes prep_time{10};
  std::string description;
  std::vector<std::string> voice_keywords;
};

struct ServiceItem {
  std::string name;
  std::string category;
  Money price;
  std::chrono::minutes duration{30};
  std::string description;
  std::vector<std::string> voice_keywords;
  /// How long before its start a time can be booked at the latest.
  std::chrono::hours booking_lead_time{0};
};

struct SupportCategory {
  std::string name;
  Priority priority = Priority::kMedium;
  std::chrono::minutes resolution_time{240};
  std::string description;
  std::vector<std::string> voice_keywords;
};

struct StaffMember {
  std::string name;
  std::string specialty;
};

/// What support staff know already.
struct KnowledgeArticle {
  std::string title;
  /// Name of a support category; empty fits all.
  std::string category;
  std::string content;
};

struct Business {
  std::string name;
  BusinessType type = BusinessType::kCustom;
  /// IANA name, such as "America/New_York".
  std::string time_zone = "UTC";
  OpeningHours opening_hours;
  std::vector<MenuItem> menu;
  std::vector<ServiceItem> services;
  std::vector<SupportCategory> support_categories;
  std::vector<StaffMember> staff;
  std::vector<KnowledgeArticle> knowledge_base;
};

}  // namespace voicectl::runtime
