// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/placeholders.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/ultravox/stand_in/json_member.h"

namespace voicectl::ultravox {
namespace {

using std::chrono::sys_days;

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// The part before the first `divider`, which leaves `rest` together with the divider.
std::string_view take_until(std::string_view& rest, char divider) {
  const std::size_t end = rest.find(divider);
  const std::string_view piece = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return piece;
}

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::string format_day(sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

/// "date", "date+2 days", "date+3 business days".
std::optional<std::string> find_day(std::string_view expression, sys_days today) {
  if (expression == "date") {
    return format_day(today);
  }
  if (!expression.starts_with("date+")) {
    return std::nullopt;
  }
  std::string_view rest = expression.substr(5);
  const std::optional<int> count = whole_number(trimmed(take_until(rest, ' ')));
  const std::string_view unit = trimmed(rest);
  if (!count || *count < 0 || *count > 3650) {
    return std::nullopt;
  }
  if (unit == "business days" || unit == "business day") {
    return format_day(add_business_days(today, *count));
  }
  return unit == "days" || unit == "day"
             ? std::optional(format_day(today + std::chrono::days(*count)))
             : std::nullopt;
}

/// A text such as "2026-11-24 10:30" has a date and a time.
Json part_of_text(const std::string& text, std::string_view part) {
  const std::size_t gap = text.find_first_of(" T");
  if (gap == std::string::npos || (part != "date" && part != "time")) {
    return nullptr;
  }
  return part == "date" ? text.substr(0, gap) : text.substr(gap + 1);
}

/// Null if there is none.
Json find_member(const Json& value, std::string_view key) {
  if (value.is_string()) {
    return part_of_text(value.get_ref<const std::string&>(), key);
  }
  if (value.is_object()) {
    return member_or_null(value, key);
  }
  const std::optional<int> index = whole_number(key);
  const bool inside =
      value.is_array() && index && *index >= 0 && static_cast<std::size_t>(*index) < value.size();
  return inside ? value[static_cast<std::size_t>(*index)] : Json();
}

Json find_fact(std::string_view path, const Json& facts) {
  Json value = facts;
  while (!path.empty()) {
    value = find_member(value, take_until(path, '.'));
  }
  return value;
}

/// Null when none of the alternatives is known.
Json evaluate(std::string_view expression, const Json& facts, sys_days today) {
  while (!expression.empty()) {
    const std::string_view alternative = trimmed(take_until(expression, '|'));
    if (alternative.size() >= 2 && alternative.front() == '\'' && alternative.back() == '\'') {
      return std::string(alternative.substr(1, alternative.size() - 2));
    }
    if (const auto day = find_day(alternative, today)) {
      return *day;
    }
    Json value = alternative.empty() ? Json() : find_fact(alternative, facts);
    if (!value.is_null() && value != "") {
      return value;
    }
  }
  return nullptr;
}

std::string as_text(const Json& value) {
  if (value.is_null()) {
    return {};
  }
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

bool is_one_placeholder(std::string_view text) {
  return text.starts_with(kOpen) && text.ends_with(kClose) &&
         text.find(kClose) == text.size() - kClose.size();
}

}  // namespace

sys_days add_business_days(sys_days day, int count) {
  while (count > 0) {
    day += std::chrono::days(1);
    const std::chrono::weekday weekday(day);
    if (weekday != std::chrono::Saturday && weekday != std::chrono::Sunday) {
      --count;
    }
  }
  return day;
}

std::string fill_in_text(std::string_view pattern, const Json& facts, sys_days today) {
  std::string out;
  while (true) {
    const std::size_t open = pattern.find(kOpen);
    const std::size_t close = pattern.find(kClose, open);
    if (open == std::string_view::npos || close == std::string_view::npos) {
      return out.append(pattern);
    }
    const std::size_t start = open + kOpen.size();
    out.append(pattern.substr(0, open));
    out.append(as_text(evaluate(pattern.substr(start, close - start), facts, today)));
    pattern.remove_prefix(close + kClose.size());
  }
}

Json fill_in(const Json& pattern, const Json& facts, sys_days today) {
  if (pattern.is_string()) {
    const auto& text = pattern.get_ref<const std::string&>();
    if (is_one_placeholder(text)) {
      const std::size_t inner = text.size() - kOpen.size() - kClose.size();
      return evaluate(std::string_view(text).substr(kOpen.size(), inner), facts, today);
    }
    return fill_in_text(text, facts, today);
  }
  if (!pattern.is_structured()) {
    return pattern;
  }
  Json out = pattern.is_array() ? Json::array() : Json::object();
  for (const auto& [key, value] : pattern.items()) {
    Json filled = fill_in(value, facts, today);
    if (filled.is_null()) {
      continue;
    }
    if (out.is_array()) {
      out.push_back(std::move(filled));
    } else {
      out[key] = std::move(filled);
    }
  }
  return out;
}

}  // namespace voicectl::ultravox
