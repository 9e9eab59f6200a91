// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

constexpr std::uint16_t kMinutesPerDay = 24 * 60;
constexpr std::string_view kAllowed = "'closed', a span such as '09:00-17:00', or a list of spans";

/// "09:30" as minutes after midnight; "24:00" is the end of the day.
std::optional<std::uint16_t> parse_time(std::string_view text) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) {
    return std::nullopt;
  }
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  const int total = hours * 60 + minutes;
  if (minutes > 59 || total > kMinutesPerDay) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(total);
}

std::optional<OpeningSpan> parse_span(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::optional<std::uint16_t> open = parse_time(text.substr(0, dash));
  const std::optional<std::uint16_t> close = parse_time(text.substr(dash + 1));
  if (!open || !close || *open >= *close) {
    return std::nullopt;
  }
  return OpeningSpan{*open, *close};
}

std::optional<OpeningSpan> read_span(const ValueReader& value) {
  const std::optional<std::string> text = value.text({.least = 1, .most = 40});
  const std::optional<OpeningSpan> span = text ? parse_span(*text) : std::nullopt;
  if (text && !span) {
    value.refuse_value("a span such as '09:00-17:00' that ends after it begins, at most at 24:00",
                       "for hours past midnight write '18:00-24:00' here and '00:00-02:00' on the "
                       "next day");
  }
  return span;
}

std::vector<OpeningSpan> read_spans(const ValueReader& list) {
  std::vector<OpeningSpan> spans;
  for (const ValueReader& item : list.items()) {
    if (const std::optional<OpeningSpan> span = read_span(item)) {
      spans.push_back(*span);
    }
  }
  std::sort(spans.begin(), spans.end(),
            [](OpeningSpan a, OpeningSpan b) { return a.open < b.open; });
  for (std::size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].open < spans[i - 1].close) {
      list.refuse("found spans that overlap", "let each begin when the one before has ended");
      return {};
    }
  }
  return spans;
}

std::vector<OpeningSpan> read_day(const ValueReader& value) {
  switch (value.kind()) {
    case TreeNode::Kind::kList:
      return read_spans(value);
    case TreeNode::Kind::kNothing:
    case TreeNode::Kind::kMap:
      value.refuse_value(kAllowed);
      return {};
    case TreeNode::Kind::kPlain:
    case TreeNode::Kind::kQuoted:
      break;
  }
  if (value.node().text == "closed") {
    return {};
  }
  const std::optional<OpeningSpan> span = read_span(value);
  return span ? std::vector<OpeningSpan>{*span} : std::vector<OpeningSpan>{};
}

}  // namespace

OpeningHours read_opening_hours(const ValueReader& value) {
  MapReader map = value.map();
  OpeningHours hours;
  for (const NamedValue<Weekday>& day : named_values<Weekday>()) {
    const std::optional<ValueReader> spans = map.find(day.name);
    if (!spans) {
      continue;
    }
    std::vector<OpeningSpan> open = read_day(*spans);
    if (!open.empty()) {
      hours.emplace(day.value, std::move(open));
    }
  }
  map.finish();
  return hours;
}

}  // namespace voicectl
