// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/business.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace voicectl::runtime {
namespace {

constexpr std::int64_t kMaxWholeUnits = 10'000'000;

std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool plain = !text.empty() && text.front() != '-' && text.front() != '+';
  if (!plain || problem != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

/// "09:30" as minutes after midnight; "24:00" is the end of the day.
std::optional<int> minutes_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') {
    return std::nullopt;
  }
  const auto hours = digits(text.substr(0, 2));
  const auto minutes = digits(text.substr(3));
  if (!hours || !minutes || *minutes > 59 || *hours * 60 + *minutes > 1440) {
    return std::nullopt;
  }
  return static_cast<int>(*hours * 60 + *minutes);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

std::string_view name_of(BusinessType type) {
  switch (type) {
    case BusinessType::kRestaurant:
      return "restaurant";
    case BusinessType::kAppointment:
      return "appointment";
    case BusinessType::kSupport:
      return "support";
    case BusinessType::kCustom:
      return "custom";
  }
  return "custom";
}

Result<BusinessType> parse_business_type(std::string_view text) {
  for (const BusinessType type : {BusinessType::kRestaurant, BusinessType::kAppointment,
                                  BusinessType::kSupport, BusinessType::kCustom}) {
    if (name_of(type) == text) {
      return type;
    }
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot take '{}' as a business type: use restaurant, appointment, "
                           "support or custom",
                           text));
}

std::string_view name_of(Priority priority) {
  switch (priority) {
    case Priority::kLow:
      return "low";
    case Priority::kMedium:
      return "medium";
    case Priority::kHigh:
      return "high";
    case Priority::kUrgent:
      return "urgent";
  }
  return "medium";
}

std::optional<Priority> priority_named(std::string_view text) {
  const std::string wanted = lower(text);
  for (const Priority priority :
       {Priority::kLow, Priority::kMedium, Priority::kHigh, Priority::kUrgent}) {
    if (name_of(priority) == wanted) {
      return priority;
    }
  }
  return std::nullopt;
}

std::string Money::str() const {
  // By hand, because each order says some.
  const std::int64_t size = std::abs(cents);
  std::string text = (cents < 0 ? "-" : "") + std::to_string(size / 100) + ".00";
  text[text.size() - 2] = static_cast<char>('0' + size % 100 / 10);
  text.back() = static_cast<char>('0' + size % 10);
  return text;
}

Result<Money> Money::parse(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto whole = digits(text.substr(0, point));
  std::optional<std::int64_t> part = 0;
  if (point != std::string_view::npos) {
    const std::string_view decimals = text.substr(point + 1);
    part = decimals.size() <= 2 ? digits(decimals) : std::nullopt;
    if (part && decimals.size() == 1) {
      *part *= 10;
    }
  }
  if (!whole || !part || *whole >= kMaxWholeUnits) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot take '{}' as a price: write it like 18.99", text));
  }
  return Money{*whole * 100 + *part};
}

Result<OpeningSpan> OpeningSpan::parse(std::string_view text) {
  const auto open = minutes_of_day(text.substr(0, 5));
  const auto close = text.size() == 11 ? minutes_of_day(text.substr(6)) : std::nullopt;
  if (!open || !close || text[5] != '-' || *open >= *close) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot take '{}' as opening hours: write them like 09:00-17:00", text));
  }
  return OpeningSpan{*open, *close};
}

std::string OpeningSpan::str() const {
  return fmt::format("{:02}:{:02}-{:02}:{:02}", open / 60, open % 60, close / 60, close % 60);
}

}  // namespace voicectl::runtime
